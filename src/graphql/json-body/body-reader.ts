import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { AttachmentError } from '../../errors.js';
import { PaceWatch } from '../../limits/pace.js';
import { bodyFault, bodyTooLarge } from './body-fault.js';
import type { JsonBodyLimits } from './json-body-limits.js';

/** A request as its body is read. */
export type BodySource = Readable & Pick<IncomingMessage, 'headers'>;

/** After so many bytes, whatever else waits for the event loop is let in: it would read on for a whole 2 MiB otherwise. */
const turnSize = 256 * 1024;

/** Hands out the body of a request as it arrives, no faster than it is asked for, within the limits of size and time. */
export class BodyReader {
  /** Why the body cannot be read to its end; null while it can. */
  failure: AttachmentError | null = null;
  readonly #source: BodySource;
  readonly #limits: JsonBodyLimits;
  #byteCount = 0;
  #turnByteCount = 0;
  /** For waiting outside of long texts. */
  #msLeft: number;
  #pace: PaceWatch | null = null;
  #closed = false;
  #wake: () => void = () => {};

  constructor(source: BodySource, limits: JsonBodyLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#msLeft = limits.operationsTimeoutMs;
    source.on('readable', this.#onProgress).on('end', this.#onProgress);
    source.on('error', this.#onAbort).on('close', this.#onAbort);
    if (source.destroyed) this.#onAbort();
  }

  /** The next bytes, null behind the last ones. One call at a time. */
  async next(): Promise<Buffer | null> {
    if (this.#turnByteCount >= turnSize) await this.#endTurn();
    for (;;) {
      if (this.failure !== null) throw this.failure;
      if (this.#closed) throw new Error('The body is not read any more.');
      const chunk: Buffer | null = this.#source.read();
      if (chunk !== null) return this.#count(chunk);
      if (this.#source.readableEnded) return null;
      await this.#waitForClient();
    }
  }

  /** From now on the client must keep up a pace. */
  beginLongText(): void {
    this.#pace = new PaceWatch(this.#limits, this.#onTooSlow);
    this.#pace.pause();
  }

  /** From now on the client must be done in time. */
  endLongText(): void {
    this.#pace?.stop();
    this.#pace = null;
  }

  /** Stops reading and lets the request go, with whatever is still unread in it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.endLongText();
    this.#source.off('readable', this.#onProgress).off('end', this.#onProgress);
    this.#source.off('error', this.#onAbort).off('close', this.#onAbort);
    this.#wake();
  }

  #count(chunk: Buffer): Buffer {
    const { maxRequestSize } = this.#limits;
    this.#byteCount += chunk.length;
    this.#turnByteCount += chunk.length;
    this.#pace?.count(chunk.length);
    if (this.#byteCount <= maxRequestSize) return chunk;
    this.failure = requestTooLarge(maxRequestSize);
    throw this.failure;
  }

  async #endTurn(): Promise<void> {
    this.#turnByteCount = 0;
    await setImmediate();
  }

  async #waitForClient(): Promise<void> {
    const start = performance.now();
    const timer = this.#pace === null ? setTimeout(this.#onTooSlow, this.#msLeft) : undefined;
    this.#pace?.resume();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#pace?.pause();
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#msLeft -= performance.now() - start;
  }

  #fail(error: AttachmentError): void {
    this.failure ??= error;
    this.#wake();
  }

  readonly #onProgress = (): void => this.#wake();

  readonly #onAbort = (): void => {
    if (this.#source.readableEnded) return;
    this.#fail(bodyFault('client_aborted', 'The request ended before its body was complete.'));
  };

  readonly #onTooSlow = (): void => {
    this.#fail(bodyFault('timeout', 'The request arrives too slowly.'));
  };
}

export function requestTooLarge(limit: number): AttachmentError {
  return bodyTooLarge(limit, `The body may have at most ${limit} bytes.`);
}
