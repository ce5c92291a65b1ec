import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/*
 * Loaded into the service by `--import`: SIGUSR2 starts measuring afresh, and when the process ends, the longest pause of its
 * event loop since then is in the file that LOOP_PAUSE_FILE names, in milliseconds.
 */

const file = process.env['LOOP_PAUSE_FILE'];
if (file === undefined) throw new Error('LOOP_PAUSE_FILE is not set.');

const resolutionMs = 2;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
process.on('SIGUSR2', () => {
  delays.reset();
  delays.enable();
});
process.on('exit', () => writeFileSync(file, String(delays.max / 1e6 - resolutionMs)));
