import type { Release } from '../../limits/places.js';
import type { SharedEvents } from './shared-events.js';
import type { Changes } from './watch-visible.js';

/** Sends an event of these pieces of JSON, and resolves once the client has taken it. */
export type Tell = (pieces: readonly Buffer[]) => Promise<void>;

/**
 * Tells one subscriber of changes, each once it has taken the one before. It is for the protocol to wait for and to end, and
 * gives it nothing: the protocol would write each event anew for each subscriber.
 */
export function tellChanges(
  changes: Changes,
  { events, tell, leave }: { events: Pick<SharedEvents, 'hold'>; tell: Tell; leave: Release },
): AsyncIterableIterator<never> {
  let hasEnded = false;
  const end = async () => {
    hasEnded = true;
    leave();
    await changes.return?.();
  };
  const tellAll = async () => {
    for (let step = await changes.next(); !step.done; step = await changes.next()) {
      const { pieces, release } = await events.hold(step.value);
      try {
        if (!hasEnded) await tell(pieces);
      } finally {
        release();
      }
    }
  };
  const done = async (): Promise<IteratorReturnResult<undefined>> => ({ done: true, value: undefined });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => tellAll().finally(end).then(done),
    return: () => end().then(done),
    throw: (error) => end().then(() => Promise.reject(error)),
  };
}
