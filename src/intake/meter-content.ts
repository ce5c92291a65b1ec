import { isUtf8 } from 'node:buffer';
import { addAbortSignal, finished, type Readable, Writable } from 'node:stream';
import { finished as whenFinished } from 'node:stream/promises';
import { type AttachmentError, fault } from '../errors.js';
import { freeMemory } from '../free-memory.js';

export interface MeteredContent {
  /** In bytes. */
  size: number;
  /** The first 4 KiB, or all where there is less. */
  head: Uint8Array;
  /** Whether all of it is UTF-8. */
  isUtf8: boolean;
  /** Bytes that `handle` has not been given: all of a content that fits into one batch. */
  lastBatch: Uint8Array[];
}

/** Bytes that content may have for now. */
export interface Allowance {
  granted: number;
  /** Returns how many are granted then, at least so many. Throws where that is too much. */
  grow(bytes: number): Promise<number>;
}

/**
 * Reads content to its end, handing it on in batches of about 1 MiB, whose memory is freed then. Fails with FILE_TOO_LARGE at the
 * first byte past `maxSize`, with what the content, `handle` or `allowance` failed with, or once `signal` is aborted; it reads no further then.
 */
export async function meterContent(
  content: Readable,
  maxSize: number,
  handle: (batch: Uint8Array[]) => Promise<unknown>,
  signal?: AbortSignal,
  allowance: Allowance | null = null,
): Promise<MeteredContent> {
  const sink = new ContentSink(maxSize, handle, allowance);
  if (signal) addAbortSignal(signal, sink);
  finished(content, { writable: false }, (error) => error && sink.destroy(error));
  content.pipe(sink);
  await whenFinished(sink);
  return { size: sink.size, head: sink.head, isUtf8: sink.isUtf8, lastBatch: sink.takeBatch() };
}

/** Bytes of content that may have broken off. */
export interface PartOfContent {
  /** Bytes that `handle` has not been given. */
  lastBatch: Uint8Array[];
  /** The reason why no more has come; null at the end of the content. */
  fault: unknown;
}

/** Bytes that are too few for a batch are handed on so often. */
const restMs = 1_000;

/**
 * Reads content that is of use even if it breaks off, handing it on in batches of up to 1 MiB: bytes that come slowly do not wait for
 * a whole one. Never throws, and leaves nothing under way.
 */
export async function meterPart(
  content: Readable,
  maxSize: number,
  handle: (batch: Uint8Array[]) => Promise<unknown>,
  signal: AbortSignal,
): Promise<PartOfContent> {
  let handling: Promise<unknown> = Promise.resolve();
  const inTurn = (batch: Uint8Array[]) => {
    handling = handling.then(() => handle(batch));
    return handling;
  };
  const sink = new ContentSink(maxSize, inTurn);
  addAbortSignal(signal, sink);
  finished(content, { writable: false }, (error) => error && sink.destroy(error));
  content.pipe(sink);
  const timer = setInterval(() => {
    const batch = sink.takeBatch();
    if (batch.length > 0) inTurn(batch).catch((error: Error) => sink.destroy(error));
  }, restMs);
  const fault = await whenFinished(sink).then(
    () => null,
    (error: unknown) => error,
  );
  clearInterval(timer);
  await handling.catch(() => undefined);
  return { lastBatch: sink.takeBatch(), fault };
}

/** As `meterContent`, of content that is there already. Throws FILE_TOO_LARGE. */
export function meterWhole(content: Buffer, maxSize: number): MeteredContent {
  if (content.byteLength > maxSize) throw tooLarge(maxSize);
  // A copy, for the same reason as that of a stream.
  const head = Buffer.from(content.subarray(0, headSize));
  return { size: content.byteLength, head, isUtf8: isUtf8(content), lastBatch: [content] };
}

/** Bytes that are kept for sniffing. */
export const headSize = 4096;
const batchSize = 1024 * 1024;
/** Also a bound, so that a client sending byte by byte does not make a batch of a million chunks. */
const batchLength = 512;

/**
 * Meters the content piped into it, keeps its head, and hands it on in batches of about 1 MiB; the next is gathered while
 * one is being handled. It fails with FILE_TOO_LARGE at the first byte past the limit, or with what `handle` failed with.
 * The last batch is left in it, for `takeBatch`: contents of one batch are then known to be whole.
 */
class ContentSink extends Writable {
  /** Bytes received. */
  size = 0;
  readonly #maxSize: number;
  readonly #handle: (batch: Uint8Array[]) => Promise<unknown>;
  readonly #allowance: Allowance | null;
  readonly #head: Uint8Array[] = [];
  #headSize = 0;
  #batch: Uint8Array[] = [];
  #batchSize = 0;
  readonly #utf8 = new Utf8Check();

  constructor(
    maxSize: number,
    handle: (batch: Uint8Array[]) => Promise<unknown>,
    allowance: Allowance | null = null,
  ) {
    super({ highWaterMark: batchSize });
    this.#allowance = allowance;
    this.#maxSize = maxSize;
    this.#handle = handle;
  }

  /** The first 4 KiB, or all where there is less. */
  get head(): Uint8Array {
    return Buffer.concat(this.#head);
  }

  get isUtf8(): boolean {
    return this.#utf8.holds;
  }

  /** Bytes that have not been handled yet. */
  takeBatch(): Uint8Array[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchSize = 0;
    return batch;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.size += chunk.byteLength;
    const allowance = this.#allowance;
    if (this.size > this.#maxSize) done(tooLarge(this.#maxSize));
    else if (allowance === null || this.size <= allowance.granted) this.#take(chunk, done);
    else
      allowance.grow(this.size).then((granted) => {
        allowance.granted = granted;
        this.#take(chunk, done);
      }, done);
  }

  #take(chunk: Uint8Array, done: (error?: Error | null) => void): void {
    if (this.#fits(chunk)) {
      this.#add(chunk);
      done();
    } else {
      const batch = this.takeBatch();
      this.#add(chunk);
      this.#handle(batch).then(() => {
        for (const chunk of batch) freeMemory(chunk);
        done();
      }, done);
    }
  }

  #fits({ byteLength }: Uint8Array): boolean {
    const { length } = this.#batch;
    return length === 0 || (length < batchLength && this.#batchSize + byteLength <= batchSize);
  }

  #add(chunk: Uint8Array): void {
    this.#utf8.push(chunk);
    this.#batch.push(chunk);
    this.#batchSize += chunk.byteLength;
    if (this.#headSize >= headSize) return;
    // A copy, so that the few bytes do not keep a whole network buffer in memory.
    const part = Buffer.from(chunk.subarray(0, headSize - this.#headSize));
    this.#head.push(part);
    this.#headSize += part.byteLength;
  }
}

/** Whether bytes that come in pieces, cut anywhere, are UTF-8. Costs nothing from the first wrong byte on. */
export class Utf8Check {
  #isValid = true;
  /** The beginning of a character at the end of the last piece. */
  #cut = Buffer.alloc(0);

  get holds(): boolean {
    return this.#isValid && this.#cut.length === 0;
  }

  push(piece: Uint8Array): void {
    if (!this.#isValid) return;
    const bytes = this.#cut.length === 0 ? piece : Buffer.concat([this.#cut, piece]);
    const end = bytes.length - cutLength(bytes);
    this.#isValid = isUtf8(bytes.subarray(0, end));
    this.#cut = Buffer.from(bytes.subarray(end));
    if (bytes !== piece) freeMemory(bytes);
  }
}

/** How many bytes at the end begin a character that goes on behind them. */
function cutLength(bytes: Uint8Array): number {
  for (let length = 1; length <= 3; length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0;
  }
  return 0;
}

function tooLarge(limit: number): AttachmentError {
  const msg = `The content is larger than ${limit} bytes.`;
  return fault('file_too_large', ['input', 'content'], msg, { limit });
}
