import type { Scanner } from './scanner.js';

/** Looks at nothing and lets everything pass. */
export const noScanner: Scanner = {
  name: 'none',
  isActive: false,
  scan: async () => ({ outcome: 'clean' }),
  selfTest: async () => {},
};
