import type { Scanner, ScanOutcome } from './scanner.js';

/** The test string that scanners agree on, in two parts lest they find it here. */
export const eicarTestString = Buffer.from(
  ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''),
);

/** Finds the EICAR test string anywhere, and nothing else: for trying the flow. */
export const eicarScanner: Scanner = {
  name: 'eicar',
  isActive: true,
  scan: async (content, signal) => {
    let tail = Buffer.alloc(0);
    for await (const chunk of content) {
      signal.throwIfAborted();
      const seen = Buffer.concat([tail, chunk]);
      if (seen.includes(eicarTestString)) return found;
      tail = seen.subarray(Math.max(0, seen.length - eicarTestString.length + 1));
    }
    return { outcome: 'clean' };
  },
  selfTest: async () => {},
};

const found: ScanOutcome = { outcome: 'infected', signature: 'Eicar-Test-Signature' };
