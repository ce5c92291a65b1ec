/** What a scanner says of some content. Only `clean` lets it pass; without a verdict it is to be scanned again. */
export type ScanOutcome =
  | { outcome: 'clean' }
  | { outcome: 'infected'; signature: string }
  | { outcome: 'no verdict'; reason: string };

/** What looks for malware. */
export interface Scanner {
  readonly name: 'none' | 'eicar' | 'clamd';
  /** False where there is none: then everything is approved as it comes. */
  readonly isActive: boolean;
  /**
   * Reads content to its end, or until the outcome is known. Whatever is no exact verdict of the scanner is `no verdict`;
   * rejects only with what reading `content` failed with.
   */
  scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome>;
  /** Throws, and says what is wrong, unless the scanner finds what it must. */
  selfTest(): Promise<void>;
}
