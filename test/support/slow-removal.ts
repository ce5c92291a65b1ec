import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Loaded first in a process whose file system takes this long to remove a file, as one of a network may.
 */

const delayMs = Number(process.env['SLOW_REMOVAL_MS']);
const { rm, unlink } = promises;

promises.rm = async (...given) => {
  await sleep(delayMs);
  await rm(...given);
};
promises.unlink = async (...given) => {
  await sleep(delayMs);
  await unlink(...given);
};
syncBuiltinESMExports();
