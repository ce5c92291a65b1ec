import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttachmentWatch,
  type WatchTarget,
  watchAttachments,
} from '../../attachments/watch-attachments.js';
import { AttachmentError } from '../../errors.js';
import type { StoredAttachment } from '../../model/stored-attachment.js';
import { type GraphqlContext, turnOf } from '../context.js';

type Changes = AsyncIterableIterator<StoredAttachment>;

/** Between the attempts to decide whether a change may be told: about half a minute in all. */
const undecidedDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/**
 * The changes of the target from now on, as far as the viewer may see it when it is told. If that cannot be decided, the
 * change waits, and is told in its latest state once it can; in the end it throws AUTHORIZER_UNAVAILABLE, so that no change
 * is passed over in silence. Throws NOT_FOUND for one attachment that the viewer may not see.
 */
export async function watchVisible(context: GraphqlContext, target: WatchTarget): Promise<Changes> {
  const { deps, viewer, access } = context;
  if ('attachmentId' in target) await access.assertVisible([target.attachmentId], () => ['attachmentId']);
  const assertStillGood = () => context.assertStillGood();
  const changes = await watchAttachments({ ...deps, assertStillGood }, viewer, target);
  return onlyVisible(changes, async (stored) => {
    context.startNext();
    const { access: current } = context;
    if ('record' in target && !(await current.mayView(target.record, null))) return false;
    if ((await current.view(stored)) === null) return false;
    // Thousands may watch the same: each makes its answer when it is its turn.
    await deps.turns.next(turnOf(viewer));
    return true;
  });
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
