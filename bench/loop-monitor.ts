import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/*
 * Loaded into the service by `--import`: SIGUSR2 starts measuring afresh, and when the process ends, the longest pause of its
 * event loop since then is in the file that LOOP_PAUSE_FILE names, in milliseconds.
 */

const resolutionMs = 2;

// The service's threads load it too, and have no settings.
if (isMainThread) watchLoop(process.env['LOOP_PAUSE_FILE']);

function watchLoop(file: string | undefined): void {
  if (file === undefined) throw new Error('LOOP_PAUSE_FILE is not set.');
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  process.on('SIGUSR2', () => {
    delays.reset();
    delays.enable();
  });
  process.on('exit', () => writeFileSync(file, String(delays.max / 1e6 - resolutionMs)));
}
