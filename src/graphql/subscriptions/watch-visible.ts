import type { StoredAttachment } from '../../attachments/stored-attachment.js';
import { type WatchTarget, watchAttachments } from '../../attachments/watch-attachments.js';
import type { GraphqlContext } from '../context.js';

type Changes = AsyncIterableIterator<StoredAttachment>;

/** What happens to the target from now on, as far as the viewer may see it. Throws NOT_FOUND for one attachment that it may not. */
export async function watchVisible(context: GraphqlContext, target: WatchTarget): Promise<Changes> {
  const { deps, viewer, access } = context;
  if ('attachmentId' in target) await access.assertVisible([target.attachmentId], () => ['attachmentId']);
  const assertStillGood = () => context.assertStillGood();
  const changes = await watchAttachments({ ...deps, assertStillGood }, viewer, target);
  if (!access.isActive) return changes;
  return onlyVisible(changes, async (stored) => {
    if ('record' in target && !(await access.mayView(target.record, null))) return false;
    return (await access.view(stored)) !== null;
  });
}

/** Not a generator, which could not be ended while it waits. */
function onlyVisible(changes: Changes, mayView: (stored: StoredAttachment) => Promise<boolean>): Changes {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      for (;;) {
        const step = await changes.next();
        if (step.done || (await mayView(step.value))) return step;
      }
    },
    return: async () => (await changes.return?.()) ?? { done: true, value: undefined },
  };
}
