import { setFlagsFromString } from 'node:v8';

/** The code that a start loads has been loaded by then, that of threads too. */
const settledMs = 10_000;

/**
 * Lets the young generation grow as Node.js does: to be called once a start is over, or by what makes many objects. Until then
 * `claimcheck.cts` keeps it at its first size. It would double several times while 30 MiB of code and schema are made, and 20 MiB
 * of it stay empty from then on.
 *
 * A while later the old generation is collected once it has doubled. V8 would wait until it has grown fourfold; hardly anything of
 * a request gets there, so that costs nothing that could be measured, and 80 MiB less at the peak. Under a flag that is not Node's
 * own, V8 compiles what it would have found compiled, and keeps it: 7 MiB.
 */
export function letMemoryGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  setTimeout(() => setFlagsFromString('--heap-growing-percent=100'), settledMs).unref();
}
