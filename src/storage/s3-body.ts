import { Readable } from 'node:stream';
import { toStoreFault } from './s3-client.js';

/**
 * Passes on what the store sends. Fails with STORAGE_UNAVAILABLE where that breaks off, has another length than was said, or
 * does not go on for `silenceMs` while more is wanted; whoever reads it may pause for as long as they like.
 */
export class S3Body extends Readable {
  readonly #source: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #silenceMs: number;
  #missing: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Readable, length: number, silenceMs: number) {
    super({ highWaterMark: 1024 * 1024 });
    // It may also fail while nothing is asked of it, or after that.
    this.#source = source.on('error', () => {});
    this.#chunks = source[Symbol.asyncIterator]();
    this.#missing = length;
    this.#silenceMs = silenceMs;
  }

  override _read(): void {
    const onSilence = () => this.#fail(new Error('The store has stopped sending.'));
    this.#timer = setTimeout(onSilence, this.#silenceMs);
    this.#chunks.next().then(
      ({ value, done }) => {
        clearTimeout(this.#timer);
        this.#take(done ? null : value);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#source.destroy();
    done(error);
  }

  #take(chunk: Uint8Array | null): void {
    this.#missing -= chunk?.byteLength ?? 0;
    const isShort = chunk === null && this.#missing > 0;
    if (isShort || this.#missing < 0) this.#fail(new Error('The store has sent too few bytes, or too many.'));
    else this.push(chunk);
  }

  #fail(error: unknown): void {
    this.destroy(toStoreFault(error));
  }
}
