import { type HttpRequest, type HttpResponse, Upload } from 'tus-js-client';
import { type Answer, ClaimcheckError, errorOf } from './client-error.js';
import type { Platform, Source } from './platform.js';

/** In bytes of the file. */
export interface Progress {
  sent: number;
  total: number;
}

export interface Transfer {
  platform: Platform;
  source: Source;
  /** An upload by tus that exists. */
  url: string;
  signal: AbortSignal;
  onSent(bytes: number): void;
  /** Told at the beginning: bytes that the service has durably, so that the rest is sent. */
  onOffset(bytes: number): void;
}

/**
 * Brings the rest of the bytes to an upload by tus 1.0.0, in one attempt. Rejects with ClaimcheckError; an upload that is gone has
 * the status 404 or 410.
 */
export async function sendRest(transfer: Transfer): Promise<void> {
  const { source, url, signal, onSent } = transfer;
  const stack = new HttpStack(transfer);
  let upload: Upload | undefined;
  const abort = () => void upload?.abort();
  try {
    await new Promise<void>((resolve, reject) => {
      // Its own ways to read, send, retry and remember differ between platforms.
      upload = new Upload(source as never, {
        uploadUrl: url,
        httpStack: stack,
        fileReader: { openFile: async () => sliced(source) },
        fingerprint: async () => '',
        storeFingerprintForResuming: false,
        retryDelays: null,
        onProgress: onSent,
        onSuccess: () => resolve(),
        onError: (error) => reject(stack.failure ?? error),
      });
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      signal.addEventListener('abort', abort, { once: true });
      upload.start();
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function sliced(source: Source) {
  return {
    size: source.size,
    slice: async (start: number, end: number) => ({
      value: source.slice(start, end),
      done: end >= source.size,
    }),
    close: () => {},
  };
}

/** Requests of tus-js-client by way of the platform. */
class HttpStack {
  readonly #transfer: Transfer;
  /** The reason why the last request failed, if it did. */
  failure: unknown;

  constructor(transfer: Transfer) {
    this.#transfer = transfer;
  }

  getName = () => 'claimcheck';

  createRequest = (method: string, url: string): HttpRequest => {
    const headers: Record<string, string> = {};
    let onSent: (bytes: number) => void = () => {};
    return {
      getMethod: () => method,
      getURL: () => url,
      setHeader: (name, value) => {
        headers[name] = value;
      },
      getHeader: (name) => headers[name],
      setProgressHandler: (handler) => {
        onSent = handler;
      },
      send: async (body: Source | null = null) => {
        const { platform, signal } = this.#transfer;
        const asked = { method, url, headers, body, signal, onSent: (bytes: number) => onSent(bytes) };
        const answer = await platform.send(asked).catch((error: unknown) => {
          this.failure = error;
          throw error;
        });
        this.#judge(method, answer);
        return responseOf(answer);
      },
      // The signal ends the request.
      abort: async () => {},
      getUnderlyingObject: () => undefined,
    };
  };

  #judge(method: string, answer: Answer): void {
    if (answer.status >= 300) this.failure = failureOf(answer);
    else if (method === 'HEAD') this.#transfer.onOffset(Number(answer.header('upload-offset') ?? 0));
  }
}

/** Answers to HEAD have no body. */
function failureOf(answer: Answer): unknown {
  try {
    return errorOf(answer);
  } catch (error) {
    return error;
  }
}

function responseOf({ status, text, header }: Answer): HttpResponse {
  return {
    getStatus: () => status,
    getHeader: (name) => header(name) ?? undefined,
    getBody: () => text,
    getUnderlyingObject: () => undefined,
  };
}

/** Whether the upload itself has ended, so that another one has to be made. */
export function isGone(error: unknown): boolean {
  return error instanceof ClaimcheckError && [403, 404, 410].includes(error.status ?? 0);
}
