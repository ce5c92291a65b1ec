import { createScanner } from '../../../src/scanner/create-scanner.js';
import type { Scanner, ScanOutcome } from '../../../src/scanner/scanner.js';

/** In pieces, so that no scanner takes this file for the real thing. */
export const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');

/** The service's own scanner behind a gate: nothing is judged while it is shut. */
export class GatedScanner implements Scanner {
  readonly name = 'eicar';
  readonly isActive = true;
  /** Set, this is what it says of everything. */
  outcome: ScanOutcome | null = null;
  /** How often it has been asked, before the gate. */
  asked = 0;
  scans = 0;
  readonly #scanner = createScanner('eicar');
  #opened: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  shut(): void {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    this.asked += 1;
    await this.#opened;
    this.scans += 1;
    const outcome = await this.#scanner.scan(content, signal);
    return this.outcome ?? outcome;
  }

  selfTest(): Promise<void> {
    return this.#scanner.selfTest();
  }
}
