import { AnswerSpace } from '../../src/limits/answer-space.js';
import { Turns } from '../../src/limits/turns.js';

/** Keeps the processor busy. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Rounds of the event loop while `task` is under way. */
async function countRounds(task: Promise<unknown>): Promise<number> {
  let rounds = 0;
  let isDone = false;
  const count = () => {
    rounds += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await task;
  isDone = true;
  return rounds;
}

describe('turns', () => {
  test('leave the loop to others between slices', async () => {
    const turns = new Turns();
    const pieces = Array.from({ length: 30 }, async () => {
      await new Promise<void>((resolve) => turns.enqueue('a', resolve));
      work(3);
    });
    expect(await countRounds(Promise.all(pieces))).toBeGreaterThanOrEqual(8);
  });

  test('are taken by keys alternately, each in its order', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const wait = (key: string, name: string) =>
      new Promise<void>((resolve) =>
        turns.enqueue(key, () => {
          order.push(name);
          resolve();
        }),
      );
    const many = Array.from({ length: 2_500 }, (_, index) => wait('large', `l${index}`));
    await Promise.all([...many, wait('small', 's0'), wait('small', 's1')]);
    expect(order.slice(0, 5)).toEqual(['l0', 's0', 'l1', 's1', 'l2']);
    expect(order.at(-1)).toBe('l2499');
    expect(order).toHaveLength(2_502);
    expect(turns.isWaiting('large')).toBe(false);
  });

  test('for a piece alone are one in each round', async () => {
    const turns = new Turns();
    const alone = Array.from({ length: 5 }, () => turns.alone('a'));
    expect(await countRounds(Promise.all(alone))).toBeGreaterThanOrEqual(4);
  });

  test('are not waited for while there is time', async () => {
    const turns = new Turns();
    expect(turns.next('a')).toBeUndefined();
    work(20);
    expect(turns.next('a')).toBeInstanceOf(Promise);
  });
});

describe('the space of answers', () => {
  const mebibyte = 1024 * 1024;
  const client = { kind: 'anonymous', id: '192.0.2.1' } as const;

  test('is bounded for each client, and free again when an answer is gone', () => {
    const space = new AnswerSpace(mebibyte);
    const first = space.hold(client);
    first.take(16 * mebibyte);
    const next = space.hold(client);
    expect(() => next.take(1)).toThrow(/of one client/);
    space.hold({ kind: 'known', id: '192.0.2.1' }).take(mebibyte);
    first.release();
    next.take(mebibyte);
    expect(() => first.take(1)).toThrow();
  });

  test('is bounded in all', () => {
    const space = new AnswerSpace(mebibyte);
    const addresses = Array.from({ length: 4 }, (_, index) => `192.0.2.${index}`);
    for (const id of addresses) space.hold({ kind: 'anonymous', id }).take(16 * mebibyte);
    expect(() => space.hold({ kind: 'anonymous', id: '192.0.2.9' }).take(1)).toThrow(/in all/);
    space.hold({ kind: 'known', id: 'a' }).take(mebibyte);
  });
});
