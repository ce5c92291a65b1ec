import { type ClamdAddress, ClamdConnection, type ClamdTimeouts } from './clamd-connection.js';
import type { Scanner, ScanOutcome } from './scanner.js';
import { assertAdmitsLimits, assertFindsEicar } from './self-test.js';
import { takeUntil } from './take-until.js';

/** clamd itself gives a scan 2 minutes (its MaxScanTime), and then says so. */
const defaultTimeouts: ClamdTimeouts = { connect: 10_000, send: 60_000, reply: 150_000, close: 1_000 };

/** ClamAV's daemon. The content is streamed to it, so the two need not share a file system. */
export class ClamdScanner implements Scanner {
  readonly name = 'clamd';
  readonly isActive = true;
  readonly #address: ClamdAddress;
  readonly #timeouts: ClamdTimeouts;

  constructor(address: ClamdAddress, timeouts: Partial<ClamdTimeouts> = {}) {
    this.#address = address;
    this.#timeouts = { ...defaultTimeouts, ...timeouts };
  }

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    signal.throwIfAborted();
    const connection = new ClamdConnection(this.#address, this.#timeouts);
    const giveUp = () => connection.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await connection.start();
      for await (const chunk of takeUntil(content, connection.unsendable))
        await connection.sendContent(chunk);
      const outcome = await connection.finish();
      signal.throwIfAborted();
      return outcome;
    } finally {
      signal.removeEventListener('abort', giveUp);
      connection.close();
    }
  }

  async selfTest(signal = new AbortController().signal): Promise<void> {
    await assertFindsEicar(this, signal);
    await assertAdmitsLimits(this, signal);
  }
}
