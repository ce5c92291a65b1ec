import { setFlagsFromString } from 'node:v8';

/** The code that a start loads has been loaded by then, that of threads too. */
const settledMs = 10_000;

/**
 * Lets the young generation grow as Node.js does: to be called once a start is over, or by what makes many objects. Until then
 * `claimcheck.cts` keeps it at its first size. It would double several times while 30 MiB of code and schema are made, and 20 MiB
 * of it stay empty from then on.
 *
 * A while later the old generation is collected once it has two and a half times its size, with the buffers that have come since. V8
 * would decide by how long its last collections took. After some of a large upload or download it does nothing else any more, one
 * collection every 30 ms, since 22 MiB of heap and 32 MiB of buffers that wait for the young generation are past its limit already.
 * Twice its size would be as bad. Under a flag that is not Node's own, V8 compiles what it would have found compiled, and keeps it:
 * 7 MiB.
 */
export function letMemoryGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  setTimeout(() => setFlagsFromString('--heap-growing-percent=150'), settledMs).unref();
}
