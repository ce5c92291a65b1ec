import { setTimeout as sleep } from 'node:timers/promises';

/** At so little behind it is not worth a timer. */
const slackMs = 5;

/**
 * Lets bytes pass at `bytesPerSecond` on average, 0 for as fast as they come: the result waits after so many of them. What
 * was not used is not saved up. Throws the signal's reason once that is aborted.
 */
export function createPace(
  bytesPerSecond: number,
  signal: AbortSignal,
): (byteCount: number) => Promise<void> {
  let dueAt = performance.now();
  return async (byteCount) => {
    signal.throwIfAborted();
    if (bytesPerSecond === 0) return;
    dueAt = Math.max(dueAt, performance.now() - slackMs) + (byteCount / bytesPerSecond) * 1_000;
    const waitMs = dueAt - performance.now();
    if (waitMs > slackMs) await sleep(waitMs, undefined, { signal });
  };
}
