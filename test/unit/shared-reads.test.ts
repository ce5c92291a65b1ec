import type { EntityManager } from 'typeorm';
import { readShared, SharedReads } from '../../src/database/shared-reads.js';

/** A table of texts whose statements end when they are told to. */
class Table {
  readonly statements: (readonly string[])[] = [];
  readonly #held: (() => void)[] = [];
  isSlow = false;
  isAway = false;

  readonly read = async (ids: readonly string[]) => {
    this.statements.push(ids);
    if (this.isSlow) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (ids.includes('broken')) throw new Error('broken');
    if (this.isAway) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    return new Map(ids.filter((id) => id !== 'none').map((id) => [id, `row ${id}`]));
  };

  readonly endOne = () => this.#held.shift()?.();
}

const names = (count: number, prefix = '') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

let table: Table;
let reads: SharedReads<string>;
beforeEach(() => {
  table = new Table();
  reads = new SharedReads(table.read, { maxIds: 64 });
});

test('those that ask in one turn share a statement, and each gets its own in its order', async () => {
  const asked = [['b', 'a', 'b'], ['none'], ['a'], ['c', 'none', 'b']];
  const found = await Promise.all(asked.map((ids) => reads.of(ids)));
  expect(found).toEqual([['row b', 'row a'], [], ['row a'], ['row c', 'row b']]);
  expect(table.statements).toEqual([['b', 'a', 'none', 'c']]);
});

test('whoever asks while one is under way shares the next, which begins once that ends', async () => {
  table.isSlow = true;
  const first = reads.of(['first']);
  await new Promise(setImmediate);
  table.isSlow = false;
  const others = Promise.all(names(20).map((id) => reads.of([id])));
  table.endOne();
  expect(await first).toEqual(['row first']);
  expect((await others).flat()).toEqual(names(20).map((id) => `row ${id}`));
  expect(table.statements).toEqual([['first'], names(20)]);
});

test('nobody waits for a statement that hangs, until there are four of them', async () => {
  table.isSlow = true;
  const hanging: Promise<unknown>[] = [];
  for (const id of names(4, 'slow ')) {
    hanging.push(reads.of([id]));
    while (table.statements.length < hanging.length) await new Promise(setImmediate);
  }
  const fifth = reads.of(['fifth']);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(table.statements).toHaveLength(4);
  table.isSlow = false;
  table.endOne();
  expect(await fifth).toEqual(['row fifth']);
  for (const _ of hanging) table.endOne();
  await Promise.all(hanging);
});

test('a statement has 64 ids at most; a question with more than 16 has one of its own', async () => {
  const many = names(17, 'many ');
  const found = await Promise.all([reads.of(many), ...names(150).map((id) => reads.of([id]))]);
  expect(found.flat()).toHaveLength(167);
  expect(table.statements.map(({ length }) => length)).toEqual([17, 64, 64, 22]);
});

test('a failure is told to the one that has caused it', async () => {
  const results = await Promise.allSettled(['a', 'broken', 'b'].map((id) => reads.of([id])));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await reads.of(['c'])).toEqual(['row c']);
});

test('while the database is away nobody asks again', async () => {
  table.isAway = true;
  const results = await Promise.allSettled(names(20).map((id) => reads.of([id])));
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  expect(table.statements).toEqual([names(20)]);
});

test('a transaction reads by itself, and kinds do not mix', async () => {
  const manager = {} as EntityManager;
  const transaction = { queryRunner: {} } as EntityManager;
  const other = new Table();
  await Promise.all([
    ...names(3).map((id) => readShared(manager, 'rows', [id], table.read, { maxIds: 64 })),
    readShared(manager, 'bodies', ['x'], other.read, { maxIds: 16 }),
    ...names(2).map((id) => readShared(transaction, 'rows', [id], table.read, { maxIds: 64 })),
  ]);
  expect(table.statements).toEqual([['0'], ['1'], names(3)]);
  expect(other.statements).toEqual([['x']]);
});
