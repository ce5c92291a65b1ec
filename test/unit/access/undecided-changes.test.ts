import { AttachmentError } from '../../../src/errors.js';
import { onlyVisible } from '../../../src/graphql/subscriptions/watch-visible.js';
import type { StoredAttachment } from '../../../src/model/stored-attachment.js';

/** Tells of the same attachment again and again, and notes what happens to it. */
function endless() {
  const stored = { attachment: { id: 'a' } } as StoredAttachment;
  const watch = {
    told: 0,
    putBacks: 0,
    ended: 0,
    next: async () => {
      if (watch.ended > 0) return { done: true as const, value: undefined };
      watch.told += 1;
      return { done: false as const, value: stored };
    },
    return: async () => {
      watch.ended += 1;
      return { done: true as const, value: undefined };
    },
    putBack: () => {
      watch.putBacks += 1;
    },
  };
  return watch;
}
const undecided = () => Promise.reject(new AttachmentError('AUTHORIZER_UNAVAILABLE'));

test('after all attempts the error is told, and the watching ends', async () => {
  const watch = endless();
  const changes = onlyVisible(watch, undecided, [1, 1, 1]);
  await expect(changes.next()).rejects.toMatchObject({ code: 'AUTHORIZER_UNAVAILABLE' });
  expect(watch).toMatchObject({ told: 4, putBacks: 3, ended: 1 });
  expect(await changes.next()).toMatchObject({ done: true });
});

test('an answer begins the attempts anew', async () => {
  const watch = endless();
  let asked = 0;
  const changes = onlyVisible(watch, async () => {
    asked += 1;
    if (asked % 3 === 0) return asked % 2 === 0;
    return undecided();
  }, [1, 1]);
  expect(await changes.next()).toMatchObject({ done: false });
  expect(asked).toBe(6);
  expect(watch.ended).toBe(0);
});

test('any other fault is told at once', async () => {
  const watch = endless();
  const changes = onlyVisible(watch, () => Promise.reject(new Error('odd')), [1]);
  await expect(changes.next()).rejects.toThrow('odd');
  expect(watch).toMatchObject({ told: 1, putBacks: 0, ended: 1 });
});

test('whoever leaves while a change waits is not kept', async () => {
  const watch = endless();
  const changes = onlyVisible(watch, undecided, [3_600_000]);
  const next = changes.next();
  await new Promise((resolve) => setImmediate(resolve));
  await changes.return?.();
  expect(await next).toMatchObject({ done: true });
});
