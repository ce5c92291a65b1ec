import type { Scanner } from './scanner.js';

/** How long a failed self-test stands before it is made again. */
const retryMs = 5_000;

/** Lets a scanner's verdicts count only once it has passed its self-test; a failed one is made again when next asked, after a while. */
export class ScannerTrust {
  readonly #scanner: Scanner;
  readonly #onFailure: (error: unknown) => void;
  #test: Promise<void> | null = null;

  constructor(scanner: Scanner, onFailure: (error: unknown) => void) {
    this.#scanner = scanner;
    this.#onFailure = onFailure;
  }

  /** Throws what the last self-test has found wrong. */
  assertTrusted(): Promise<void> {
    this.#test ??= this.#runTest();
    return this.#test;
  }

  async #runTest(): Promise<void> {
    try {
      await this.#scanner.selfTest();
    } catch (error) {
      this.#onFailure(error);
      setTimeout(() => {
        this.#test = null;
      }, retryMs).unref();
      throw error;
    }
  }
}
