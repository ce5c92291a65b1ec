import type { Scanner, ScanOutcome } from './scanner.js';
import { takeUntil } from './take-until.js';

/** No scanner: everything is called clean, unread. */
export class NoScanner implements Scanner {
  readonly name = 'none';
  readonly isActive = false;

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    signal.throwIfAborted();
    for await (const _chunk of takeUntil(content, signal)) break;
    return { outcome: 'clean' };
  }

  async selfTest(): Promise<void> {}
}
