import type { Answer } from './client-error.js';

/** Remembers uploads under way, so that a later run or another load of the page goes on with them. */
export interface ResumeStore {
  get(key: string): string | null | Promise<string | null>;
  set(key: string, value: string): void | Promise<void>;
  remove(key: string): void | Promise<void>;
}

/** A file to send, wherever it lies. */
export interface Source {
  /** Empty if it has none. */
  name: string;
  /** In bytes. */
  size: number;
  /** Milliseconds since 1970; 0 if that is not known. */
  lastModified: number;
  /** Its bytes in order; to be read once or more. */
  stream(): ReadableStream<Uint8Array>;
  /** All of it: a large file's bytes are read only as they are needed, if the platform can. */
  blob(): Promise<Blob>;
  /** The bytes from `start` up to, and without, `end`. */
  slice(start: number, end: number): Source;
}

/** A request that may bring bytes. */
export interface Outgoing {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: FormData | Source | null;
  signal: AbortSignal | undefined;
  /** Called with all bytes of the body that have gone out by now. */
  onSent(bytes: number): void;
}

/** All that differs between browsers and Node. */
export interface Platform {
  /** Rejects for what is no file here. */
  open(file: Blob | string): Promise<Source>;
  /** Lowercase hexadecimal. */
  sha256(source: Source, signal: AbortSignal | undefined): Promise<string>;
  /** Rejects with ClaimcheckError if there is no answer, and with the signal's reason. */
  send(request: Outgoing): Promise<Answer>;
  /** Null if nothing is remembered unless the client is told where. */
  store: ResumeStore | null;
}

/** A file of which the runtime itself knows the bytes. */
export function sourceOf(blob: Blob): Source {
  const { name = '', lastModified = 0 } = blob as Partial<File>;
  return {
    name,
    size: blob.size,
    lastModified,
    stream: () => blob.stream() as ReadableStream<Uint8Array>,
    blob: async () => blob,
    slice: (start, end) => sourceOf(blob.slice(start, end)),
  };
}

/** The chunks of a stream, which is given up if they are not read to the end, and ends if none has come for `longestSilenceMs`. */
export async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  longestSilenceMs?: number,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => reader.cancel().catch(() => undefined);
  let isDone = false;
  try {
    for (;;) {
      const timer = longestSilenceMs && setTimeout(cancel, longestSilenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) await cancel();
  }
}
