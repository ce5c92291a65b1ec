/** Loaded first in each process of the test runner: the later ones begin later. */
const worker = Number(process.env['TINYPOOL_WORKER_ID'] ?? 0);
if (process.send) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, worker * 700);

export {};
