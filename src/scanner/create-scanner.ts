import { eicarScanner } from './eicar.js';
import { noScanner } from './none.js';
import type { Scanner } from './scanner.js';

/** The scanner that the setting SCANNER names. */
export function createScanner(setting: 'none' | 'eicar'): Scanner {
  return setting === 'eicar' ? eicarScanner : noScanner;
}
