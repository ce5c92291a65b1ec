import type { FileHandle } from 'node:fs/promises';

/** Sends what has been written to the disk while more of it comes, so that little is left for the end. */
export class EarlyFlush {
  readonly #file: FileHandle;
  /** Bytes of one flush. */
  readonly #interval: number;
  /** All flushes begun so far: where one failed, bytes may be lost although a later one succeeds. */
  #flushes: Promise<unknown> = Promise.resolve();
  #isFlushing = false;
  #unflushed = 0;

  constructor(file: FileHandle, interval: number) {
    this.#file = file;
    this.#interval = interval;
  }

  /** Is told of bytes that have been written. A flush goes on beside the next ones, which do not wait for it. */
  wrote(bytes: number): void {
    this.#unflushed += bytes;
    if (this.#unflushed >= this.#interval && !this.#isFlushing) this.#begin();
  }

  /** Resolves once all that was written is durable. */
  async finish(): Promise<void> {
    await this.#flushes;
    this.#unflushed = 0;
    await this.#file.datasync();
  }

  #begin(): void {
    this.#unflushed = 0;
    this.#isFlushing = true;
    const flush = this.#file.datasync().finally(() => {
      this.#isFlushing = false;
    });
    this.#flushes = Promise.all([this.#flushes, flush]);
    // A failure is met at the end.
    this.#flushes.catch(() => {});
  }
}
