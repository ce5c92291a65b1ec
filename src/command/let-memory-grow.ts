import { setFlagsFromString } from 'node:v8';

/**
 * Lets the young generation grow as Node.js does: to be called once a start is over, or by what makes many objects. Until then
 * `claimcheck.cts` keeps it at its first size. It would double several times while 30 MiB of code and schema are made, and 20 MiB
 * of it stay empty from then on.
 */
export function letMemoryGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
}
