import { AnswerSpace } from '../../../src/limits/answer-space.js';
import { type TurnKey, Turns } from '../../../src/limits/turns.js';
import { startService } from '../../support/service.js';

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

/** The only client of its organization. */
const only = (id: string): TurnKey => ({ group: id, id });

describe('turns', () => {
  test('leave the loop to others between slices', async () => {
    const turns = new Turns();
    const pieces = Array.from({ length: 30 }, async () => {
      await new Promise<void>((resolve) => turns.enqueue(only('a'), resolve));
      work(3);
    });
    expect(await countRounds(Promise.all(pieces))).toBeGreaterThanOrEqual(8);
  });

  test('are taken by keys alternately, each in its order', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const wait = (key: TurnKey, name: string) =>
      new Promise<void>((resolve) =>
        turns.enqueue(key, () => {
          order.push(name);
          resolve();
        }),
      );
    const many = Array.from({ length: 2_500 }, (_, index) => wait(only('large'), `l${index}`));
    await Promise.all([...many, wait(only('small'), 's0'), wait(only('small'), 's1')]);
    expect(order.slice(0, 5)).toEqual(['l0', 's0', 'l1', 's1', 'l2']);
    expect(order.at(-1)).toBe('l2499');
    expect(order).toHaveLength(2_502);
    expect(turns.isWaiting(only('large'))).toBe(false);
  });

  test('are taken by organizations alternately, however many clients one of them has', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const wait = (key: TurnKey, name: string) =>
      new Promise<void>((resolve) =>
        turns.enqueue(key, () => {
          order.push(name);
          resolve();
        }),
      );
    const clients = Array.from({ length: 100 }, (_, index) => `c${index}`);
    const large = clients.flatMap((id) =>
      [0, 1].map((piece) => wait({ group: 'large', id }, `${id} ${piece}`)),
    );
    await Promise.all([...large, wait(only('small'), 's0'), wait(only('small'), 's1')]);
    expect(order.slice(0, 5)).toEqual(['c0 0', 's0', 'c1 0', 's1', 'c2 0']);
    expect(order.slice(-1)).toEqual(['c99 1']);
    expect(order).toHaveLength(202);
  });

  test('in a group come first to clients that have used little, and to others now and then', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const enqueue = (id: string, ms: number) =>
      new Promise<void>((resolve) =>
        turns.enqueue({ group: 'all', id }, () => {
          work(ms);
          order.push(id);
          resolve();
        }),
      );
    const heavy = Array.from({ length: 8 }, (_, index) => `heavy ${index}`);
    await Promise.all(heavy.map((id) => enqueue(id, 20)));
    order.length = 0;
    const rest = heavy.map((id) => enqueue(id, 20));
    const light = Array.from({ length: 12 }, (_, index) => enqueue(`light ${index}`, 0));
    await Promise.all(light);
    expect(order.filter((id) => id.startsWith('light'))).toHaveLength(12);
    const before = order.filter((id) => id.startsWith('heavy')).length;
    expect([before >= 3, before <= 6]).toEqual([true, true]);
    await Promise.all(rest);
  });

  test('for a piece alone are one in each round', async () => {
    const turns = new Turns();
    const alone = Array.from({ length: 5 }, () => turns.alone(only('a')));
    expect(await countRounds(Promise.all(alone))).toBeGreaterThanOrEqual(4);
  });

  test('are not waited for while there is time', async () => {
    const turns = new Turns();
    expect(turns.next(only('a'))).toBeUndefined();
    work(20);
    expect(turns.next(only('a'))).toBeInstanceOf(Promise);
  });
});

describe('the space of answers', () => {
  const mebibyte = 1024 * 1024;
  const stranger = (id: string, group = id) => ({ kind: 'anonymous', id, group }) as const;
  const principal = (id: string, group: string) => ({ kind: 'known', id, group }) as const;

  test('is bounded for each client, and free again when an answer is gone', () => {
    const space = new AnswerSpace(mebibyte);
    const first = space.hold(stranger('192.0.2.1'));
    first.take(16 * mebibyte);
    const next = space.hold(stranger('192.0.2.1'));
    expect(() => next.take(1)).toThrow(/of one client/);
    space.hold(principal('192.0.2.1', 'a')).take(mebibyte);
    first.release();
    next.take(mebibyte);
    expect(() => first.take(1)).toThrow();
  });

  test('is bounded in all', () => {
    const space = new AnswerSpace(mebibyte);
    const addresses = Array.from({ length: 4 }, (_, index) => `192.0.2.${index}`);
    for (const id of addresses) space.hold(stranger(id)).take(16 * mebibyte);
    expect(() => space.hold(stranger('192.0.2.9')).take(1)).toThrow(/in all/);
    space.hold(principal('a', 'a')).take(mebibyte);
  });

  test('is bounded for each network', () => {
    const space = new AnswerSpace(mebibyte);
    for (const id of ['a', 'b']) space.hold(stranger(id, '2001:db8::/48')).take(16 * mebibyte);
    expect(() => space.hold(stranger('c', '2001:db8::/48')).take(1)).toThrow(/of one network/);
    space.hold(stranger('d')).take(mebibyte);
  });

  test('is never all taken by one organization, whatever the number of its credentials', () => {
    const space = new AnswerSpace(mebibyte);
    for (const id of ['a', 'b']) space.hold(principal(id, 'large')).take(4 * mebibyte);
    expect(() => space.hold(principal('c', 'large')).take(1)).toThrow(/of one organization/);
    space.hold(principal('d', 'other')).take(4 * mebibyte);
  });

  test('leaves each organization a share for small answers, whatever the others hold', () => {
    const space = new AnswerSpace(mebibyte);
    for (const group of ['a', 'b'])
      for (const id of ['1', '2']) space.hold(principal(`${group}/${id}`, group)).take(4 * mebibyte);
    const small = space.hold(principal('c/1', 'c'));
    small.take(mebibyte);
    expect(() => small.take(1)).toThrow(/in all/);
  });
});

test('answers are made however few bytes the largest may have', async () => {
  await using service = await startService({ MAX_ANSWER_SIZE: '1024' });
  const { status, errors } = await service.client.graphql('{ viewer { organizationId } }');
  expect({ status, errors }).toEqual({ status: 200, errors: undefined });
});
