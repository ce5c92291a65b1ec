import { FairQueue, FairWork } from '../../../src/limits/fair-queue.js';

const owner = (organizationId: string, principalId = 'p') => ({ organizationId, principalId });

/** Takes everything, each item having run for as long as `cost` says. */
function drain(queue: FairQueue<string>, cost: (item: string) => number): string[] {
  const order: string[] = [];
  for (let next = queue.take(); next; next = queue.take()) {
    order.push(next.item);
    queue.use(next, cost(next.item));
  }
  return order;
}

describe('the fair queue', () => {
  test('keeps the order of one principal', () => {
    const queue = new FairQueue<string>(10);
    for (const item of ['1', '2', '3']) queue.add(owner('a'), item);
    expect(drain(queue, () => 1)).toEqual(['1', '2', '3']);
    expect(queue.size).toBe(0);
  });

  test('lets an organization wait for one slow text of others at most, however many those are', () => {
    const queue = new FairQueue<string>(1_000);
    for (let tenant = 0; tenant < 20; tenant += 1)
      for (let count = 0; count < 5; count += 1) queue.add(owner(`slow${tenant}`), 'slow');
    for (let round = 0; round < 20; round += 1) {
      const next = queue.take();
      if (next) queue.use(next, 1_000);
    }
    for (let count = 0; count < 3; count += 1) queue.add(owner('quick'), 'quick');
    expect(drain(queue, (item) => (item === 'slow' ? 1_000 : 10)).slice(0, 3)).toEqual([
      'quick',
      'quick',
      'quick',
    ]);
  });

  test('does the same for the principals of one organization', () => {
    const queue = new FairQueue<string>(100);
    for (let count = 0; count < 10; count += 1) queue.add(owner('a', 'slow'), 'slow');
    const first = queue.take();
    if (first) queue.use(first, 1_000);
    queue.add(owner('a', 'quick'), 'quick');
    expect(queue.take()?.item).toBe('quick');
  });

  test('forgives with time: what was used before counts less and less', () => {
    const queue = new FairQueue<string>(100);
    queue.use(owner('once slow'), 9_000);
    for (let count = 0; count < 20; count += 1) queue.use(owner('always slow'), 1_000);
    queue.add(owner('always slow'), 'always');
    queue.add(owner('once slow'), 'once');
    expect(drain(queue, () => 1)).toEqual(['once', 'always']);
  });

  test('drops the last of the longest line when it is full', () => {
    const queue = new FairQueue<string>(3);
    expect(queue.add(owner('a', 'x'), 'a1')).toBeNull();
    expect(queue.add(owner('a', 'y'), 'a2')).toBeNull();
    expect(queue.add(owner('a', 'y'), 'a3')).toBeNull();
    expect(queue.add(owner('b'), 'b1')).toBe('a3');
    expect(queue.add(owner('a', 'x'), 'a4')).toBe('a4');
    expect(queue.size).toBe(3);
    expect(drain(queue, () => 1).toSorted()).toEqual(['a1', 'a2', 'b1']);
  });
});

describe('work in turns', () => {
  /** Pieces that end when they are told to, in the order in which they have begun. */
  function createWork(heldMs?: number) {
    const begun: { name: string; end(): void }[] = [];
    const refused = (what: string) => () => new Error(what);
    const work = new FairWork<string, string>({
      capacity: 10,
      patienceMs: 60_000,
      atOnce: 2,
      ...(heldMs === undefined ? {} : { heldMs }),
      run: (name) => new Promise((resolve) => begun.push({ name, end: () => resolve(name) })),
      whenFull: refused('full'),
      whenLate: refused('late'),
      whenClosed: refused('closed'),
    });
    return { work, begun, names: () => begun.map(({ name }) => name) };
  }

  test('begins no more at once than it may, and the next as one ends', async () => {
    const { work, begun, names } = createWork();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => work.do(owner(name), name));
    expect(names()).toEqual(['a', 'b']);
    begun[0]?.end();
    expect(await a).toBe('a');
    expect(names()).toEqual(['a', 'b', 'c']);
    begun[1]?.end();
    begun[2]?.end();
    expect(await Promise.all([b, c])).toEqual(['b', 'c']);
    await work.idle();
  });

  test('begins none beside those that compute, however long', async () => {
    const { work, begun, names } = createWork(5);
    const all = ['a', 'b', 'c'].map((name) => work.do(owner(name), name));
    for (let turn = 0; turn < 5; turn += 1) {
      const start = performance.now();
      while (performance.now() - start < 20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(names()).toEqual(['a', 'b']);
    while (begun.length < all.length) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { end } of begun) end();
    await Promise.all(all);
  });

  test('begins the next beside those that take long', async () => {
    const { work, begun, names } = createWork(1);
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => work.do(owner(name), name));
    while (begun.length < all.length) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const { end } of begun) end();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
