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
