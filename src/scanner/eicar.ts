import { eicarString } from './eicar-string.js';
import type { Scanner, ScanOutcome } from './scanner.js';
import { assertFindsEicar } from './self-test.js';
import { takeUntil } from './take-until.js';

const wanted = Buffer.from(eicarString);
const overlap = wanted.length - 1;

/** Finds the EICAR test string, anywhere in the content, and nothing else: for trying the flow without a real scanner. */
export class EicarScanner implements Scanner {
  readonly name = 'eicar';
  readonly isActive = true;

  async scan(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ScanOutcome> {
    let tail = Buffer.alloc(0);
    for await (const chunk of takeUntil(content, signal)) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const border = Buffer.concat([tail, bytes.subarray(0, overlap)]);
      if (border.includes(wanted) || bytes.includes(wanted)) {
        return { outcome: 'infected', signature: 'Eicar-Test-Signature' };
      }
      tail = Buffer.from(bytes.length < overlap ? border.subarray(-overlap) : bytes.subarray(-overlap));
    }
    signal.throwIfAborted();
    return { outcome: 'clean' };
  }

  async selfTest(signal = new AbortController().signal): Promise<void> {
    await assertFindsEicar(this, signal);
  }
}
