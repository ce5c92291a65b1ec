import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/*
 * Loaded into the service by `--import`: SIGUSR2 starts measuring afresh, and when the process ends, the longest pauses of its
 * event loop since then are in the file that LOOP_PAUSE_FILE names.
 */

/** In milliseconds. */
export interface LoopPauses {
  longest: number;
  /** By the processor time of the main thread, which a busy machine does not lengthen; null except on Linux. */
  longestWork: number | null;
}

const resolutionMs = 2;

// The service's threads load it too, and have no settings.
if (isMainThread) watchLoop(process.env['LOOP_PAUSE_FILE']);

function watchLoop(file: string | undefined): void {
  if (file === undefined) throw new Error('LOOP_PAUSE_FILE is not set.');
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  let work = { longest: () => null as number | null };
  process.on('SIGUSR2', () => {
    delays.reset();
    delays.enable();
    work = watchWork();
  });
  process.on('exit', () => {
    const pauses: LoopPauses = { longest: delays.max / 1e6 - resolutionMs, longestWork: work.longest() };
    writeFileSync(file, JSON.stringify(pauses));
  });
}

/** The processor time from one look to the next: the loop passes a timer once in a round. */
function watchWork(): { longest(): number | null } {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  if (!existsSync(file)) return { longest: () => null };
  const used = () => Number(readFileSync(file, 'utf8').split(' ', 1)[0]) / 1e6;
  let longest = 0;
  let before = used();
  setInterval(() => {
    const now = used();
    longest = Math.max(longest, now - before);
    before = now;
  }, resolutionMs).unref();
  return { longest: () => longest };
}
