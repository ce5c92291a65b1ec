import { setTimeout as sleep } from 'node:timers/promises';
import { AttachmentWatch, type WatchTarget } from '../../attachments/watch-attachments.js';
import { AttachmentError } from '../../errors.js';
import { notFound, type StoredAttachment } from '../../model/stored-attachment.js';
import type { GraphqlContext } from '../context.js';
import type { SharedEvents } from './shared-events.js';

/** To be asked for one at a time. */
export type Changes = AsyncIterableIterator<StoredAttachment>;

/** Between the attempts to decide whether a change may be told: about half a minute in all. */
const undecidedDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

export interface WatchVisibleDependencies {
  context: GraphqlContext;
  /** Shared with all who watch the same in the same way. */
  events: Pick<SharedEvents, 'read' | 'mayView'>;
}

/**
 * The changes of the target from now on, as far as the viewer may see it when it is told. If that cannot be decided, the
 * change waits, and is told in its latest state once it can; in the end it throws AUTHORIZER_UNAVAILABLE, so that no change
 * is passed over in silence. Throws NOT_FOUND for one attachment that the viewer may not see.
 */
export async function watchVisible(
  { context, events }: WatchVisibleDependencies,
  target: WatchTarget,
): Promise<Changes> {
  const { database, changes } = context.deps;
  const read = (id: string) => events.read(id);
  const mayView = (stored: StoredAttachment) => events.mayView(stored, target);
  // Listening begins before the row is read, so that whatever happens meanwhile is told.
  const watch = new AttachmentWatch({ database, changes, read }, context.viewer, target);
  if ('record' in target) return onlyVisible(watch, mayView);
  try {
    const stored = await read(target.attachmentId);
    if (!stored || !(await mayView(stored))) throw notFound(['attachmentId']);
    return onlyVisible(watch, mayView);
  } catch (error) {
    await watch.return();
    throw error;
  }
}

/** Not a generator, which could not be ended while it waits. */
export function onlyVisible(
  changes: Pick<AttachmentWatch, 'next' | 'return' | 'putBack'>,
  mayView: (stored: StoredAttachment) => Promise<boolean>,
  delaysMs: readonly number[] = undecidedDelaysMs,
): Changes {
  const ending = new AbortController();
  const end = () => {
    ending.abort();
    return changes.return();
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (let attempt = 0; ; ) {
        const step = await changes.next();
        if (step.done) return step;
        try {
          if (await mayView(step.value)) return step;
          attempt = 0;
        } catch (error) {
          const delayMs = delaysMs[attempt];
          if (delayMs === undefined || !isUndecided(error)) {
            await end();
            throw error;
          }
          attempt += 1;
          changes.putBack(step.value.attachment.id);
          await sleep(delayMs, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);
        }
      }
    },
    return: end,
  };
}

const isUndecided = (error: unknown) =>
  error instanceof AttachmentError && error.code === 'AUTHORIZER_UNAVAILABLE';
