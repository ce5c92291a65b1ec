/** A scanner's result for some content. Anything but an exact "clean" or "infected" is no verdict, and is tried again. */
export type ScanOutcome =
  | { outcome: 'clean' }
  | { outcome: 'infected'; signature: string }
  | { outcome: 'no verdict'; reason: string };

/** Looks for malware. A scanner knows bytes and nothing of attachments. */
export interface Scanner {
  /** Its name in settings, logs and metrics: `none`, `eicar` or `clamd`. */
  readonly name: string;

  /** False for `none` only: then attachments are approved at creation and nothing is ever scanned. */
  readonly isActive: boolean;

  /**
   * Reads `content` and judges it. Never rejects for anything the scanner does: that is no verdict. Rejects with what
   * `content` throws, and with the signal's reason once that is aborted. Content that need not be read to its end,
   * because the answer came early, is released: a stream is destroyed, an iterator is told to return.
   */
  scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome>;

  /**
   * Throws, saying what is wrong, unless the EICAR test file is found and content beyond the scanner's limits is not
   * called clean. Takes milliseconds where the scanner answers.
   */
  selfTest(signal?: AbortSignal): Promise<void>;
}

/** How long a failed self-test stands before it is made again, in milliseconds, so that a scanner in trouble is left alone. */
const retryMs = 1_000;
/** A self-test takes milliseconds; a scanner that takes longer hangs. */
const longestTestMs = 10_000;
/** How old the self-test before a scan may be. */
const trustedMs = 60_000;
/** How old the one may be that says whether the scanner works. */
const workingMs = 5_000;

/**
 * A scanner whose "clean" counts only between two passed self-tests: one before the scan, at most a minute old, with no
 * failure since, and one that begins after the scan has ended. A scanner that comes back without its signatures, or loses
 * them while it runs, approves nothing.
 */
export class ScannerTrust implements Scanner {
  readonly name: string;
  readonly isActive: boolean;
  readonly #scanner: Scanner;
  readonly #onFailure: (error: unknown) => void;
  /** When the last passed test began. */
  #passedAt = Number.NEGATIVE_INFINITY;
  #failure: { error: unknown; at: number } | null = null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #distrusted = 0;

  constructor(scanner: Scanner, onFailure: (error: unknown) => void) {
    this.#scanner = scanner;
    this.#onFailure = onFailure;
    this.name = scanner.name;
    this.isActive = scanner.isActive;
  }

  /** Throws what a self-test finds wrong. Content is released unread then. */
  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    await this.assertTrusted();
    const outcome = await this.#scanner.scan(content, signal);
    if (outcome.outcome === 'no verdict') this.#forget();
    if (outcome.outcome === 'clean') await this.#confirm();
    return outcome;
  }

  selfTest(signal?: AbortSignal): Promise<void> {
    return this.#scanner.selfTest(signal);
  }

  /** Throws what the last self-test has found wrong; makes one if none has passed in the last minute. */
  assertTrusted(): Promise<void> {
    return this.#assertPassed(trustedMs);
  }

  /** Throws unless the scanner works now: makes a self-test if none has passed in the last seconds. */
  check(): Promise<void> {
    return this.#assertPassed(workingMs);
  }

  async #assertPassed(ageMs: number): Promise<void> {
    if (performance.now() - this.#passedAt < ageMs) return;
    this.#throwLastFailure();
    await (this.#running ?? this.#begin());
  }

  /** A test that begins now. Those who ask for one while another runs share the next. */
  #confirm(): Promise<void> {
    if (this.#running === null) return this.#begin();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        this.#throwLastFailure();
        return this.#begin();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    const test = this.#test().finally(() => {
      if (this.#running === test) this.#running = null;
    });
    this.#running = test;
    return test;
  }

  async #test(): Promise<void> {
    const began = performance.now();
    const distrusted = this.#distrusted;
    try {
      await this.#scanner.selfTest(AbortSignal.timeout(longestTestMs));
      this.#failure = null;
      if (distrusted === this.#distrusted) this.#passedAt = began;
    } catch (error) {
      this.#forget();
      this.#failure = { error, at: performance.now() };
      this.#onFailure(error);
      throw error;
    }
  }

  #forget(): void {
    this.#distrusted += 1;
    this.#passedAt = Number.NEGATIVE_INFINITY;
  }

  #throwLastFailure(): void {
    if (this.#failure && performance.now() - this.#failure.at < retryMs) throw this.#failure.error;
  }
}
