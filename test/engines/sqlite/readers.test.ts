import { rm } from 'node:fs/promises';
import type { EntityManager } from 'typeorm';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { SweepRow } from '../../../src/database/entities/stored-bytes.js';
import { FairTurns } from '../../../src/database/fair-turns.js';
import { inSnapshot } from '../../../src/database/snapshot.js';
import { AttachmentError } from '../../../src/errors.js';
import { report } from '../../support/report.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** Never ends by itself. */
const endless =
  'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) AS count FROM n';

const search = (read: EntityManager) => read.query(endless);
const answer = (read: EntityManager) => read.query<{ one: number }[]>('SELECT 1 AS one');
const codeOf = (error: unknown) => (error instanceof AttachmentError ? error.code : error);

describe('reading from the embedded database', () => {
  let directory: string;
  let database: Database;
  const open = async (limits: object) => {
    directory = await makeTemporaryDirectory();
    database = await openDatabase(directory, undefined, limits);
  };
  const list = <T>(organization: string, work: (read: EntityManager) => Promise<T>) =>
    database.list(organization, database.read, work);

  afterEach(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('a list that takes too long is interrupted, says so, and leaves its connection good', async () => {
    await open({ list: 50 });
    for (let round = 0; round < 6; round += 1) {
      await expect(list('a', search).catch(codeOf)).resolves.toBe('QUERY_TOO_COMPLEX');
      expect(await list('a', answer)).toEqual([{ one: 1 }]);
    }
  });

  test('an interrupt of one statement leaves those beside it alone', async () => {
    await open({ list: 50 });
    const outcomes = await Promise.all([
      list('a', search).catch(codeOf),
      ...Array.from({ length: 50 }, () => list('b', answer)),
    ]);
    expect(outcomes[0]).toBe('QUERY_TOO_COMPLEX');
    expect(outcomes.slice(1)).toEqual(Array.from({ length: 50 }, () => [{ one: 1 }]));
  });

  test('an organization that fills its connections holds up no other, no read by a key, and no look at health', async () => {
    await open({ list: 60_000 });
    const ended: string[] = [];
    const own = Array.from({ length: 6 }, (_, index) =>
      list('a', async (read) => {
        // The first two run for as long as the others of this test take, and are let go then.
        if (index < 2) await gate;
        await answer(read);
      }).then(() => ended.push('own')),
    );
    await list('b', answer).then(() => ended.push('other'));
    await database.read.findBy(SweepRow, { name: 'storage' }).then(() => ended.push('key'));
    await database.check().then(() => ended.push('health'));
    expect(ended).toEqual(['other', 'key', 'health']);
    openGate();
    await Promise.all(own);
  });

  let openGate: () => void;
  let gate: Promise<void>;
  beforeEach(() => {
    gate = new Promise((resolve) => {
      openGate = resolve;
    });
  });

  test('reads see what was committed before them, whatever connection they are on', async () => {
    await open({});
    for (let round = 1; round <= 20; round += 1) {
      const sweptUntil = new Date(round);
      await database.write((manager) => manager.upsert(SweepRow, { name: 'storage', sweptUntil }, ['name']));
      const seen = await Promise.all([
        ...Array.from({ length: 4 }, () => database.read.findOneBy(SweepRow, { name: 'storage' })),
        ...['a', 'b', 'c', 'd'].map((key) =>
          list(key, (read) => read.findOneBy(SweepRow, { name: 'storage' })),
        ),
      ]);
      expect(seen.map((row) => row?.sweptUntil.getTime())).toEqual(seen.map(() => round));
    }
  });

  test('reads of one state leave their connection good, whatever ends them', async () => {
    await open({ list: 50 });
    const ends: ((read: EntityManager) => Promise<unknown>)[] = [
      search,
      // As SQLite does by itself after some faults of a disk.
      async (read) => {
        await read.query('ROLLBACK');
        throw new Error('a fault of the disk');
      },
    ];
    const readAt = (read: EntityManager) => read.findOneBy(SweepRow, { name: 'storage' });
    let changes = 0;
    for (const end of ends) {
      // Each connection has its turn.
      for (let round = 0; round < 3; round += 1)
        await expect(list('a', (lists) => inSnapshot(lists, end))).rejects.toThrow();
      for (let round = 0; round < 3; round += 1) {
        const seen = await list('a', (lists) =>
          inSnapshot(lists, async (read) => {
            const before = await readAt(read);
            changes += 1;
            const row = { name: 'storage', sweptUntil: new Date(changes) };
            await database.write((manager) => manager.upsert(SweepRow, row, ['name']));
            return [before, await readAt(read), await inSnapshot(read, readAt)];
          }),
        );
        const times = seen.map((row) => row?.sweptUntil.getTime() ?? 0);
        expect(times).toEqual([changes - 1, changes - 1, changes - 1]);
      }
    }
  });

  test('closing lets first reads that are under way end, and refuses those behind them', async () => {
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 20; round += 1) {
      await open({});
      const reads = Array.from({ length: 40 }, (_, index) => [
        database.read.query<object[]>(`SELECT ${index} AS one`),
        list(`organization ${index}`, (read) => read.query<object[]>(`SELECT ${index} AS two`)),
        database.aside.query<object[]>(`SELECT ${index} AS three`),
      ]).flat();
      const ended = Promise.allSettled(reads);
      for (let turns = 0; turns < round; turns += 1) await new Promise(setImmediate);
      await database.close();
      for (const result of await ended) {
        const outcome =
          result.status === 'fulfilled'
            ? 'answered'
            : (result.reason.driverError?.code ?? result.reason.name);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      await rm(directory, { recursive: true });
    }
    await open({});
    report([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
    // The last is TypeORM's word for a database that is closed.
    const usual = ['answered', 'SQLITE_MISUSE', 'ConnectionIsNotSetError'];
    expect([...outcomes.keys()].filter((outcome) => !usual.includes(outcome))).toEqual([]);
    expect(outcomes.get('answered')).toBeGreaterThan(0);
  });

  test('no connection for reading can write', async () => {
    await open({});
    const write = (read: Pick<EntityManager, 'query'>) => read.query("DELETE FROM sweeps WHERE name = 'x'");
    await expect(write(database.aside)).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
    await expect(list('a', write)).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
  });
});

describe('turns', () => {
  const codesOf = (outcomes: PromiseSettledResult<unknown>[]) =>
    outcomes.map((outcome) => (outcome.status === 'rejected' ? codeOf(outcome.reason) : outcome.value));

  test('go round among those that wait, however much each has waiting', async () => {
    const turns = new FairTurns({ seats: ['one'], seatsOfOneKey: 1, patienceMs: 10_000 });
    const order: string[] = [];
    const take = (key: string) => turns.run(key, async () => void order.push(key));
    await Promise.all(['a', 'a', 'a', 'a', 'b', 'b', 'c'].map(take));
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a']);
  });

  test('leave a seat to others', async () => {
    const turns = new FairTurns({ seats: [1, 2, 3], seatsOfOneKey: 2, patienceMs: 10_000 });
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const running = [1, 2, 3, 4].map(() => turns.run('a', () => opened));
    expect(await turns.run('b', async () => 'done')).toBe('done');
    open();
    await Promise.all(running);
  });

  test('past the bound of one key are refused at once, and those of other keys are not', async () => {
    const options = { seats: ['one'], seatsOfOneKey: 1, patienceMs: 3_600_000, waitingOfOneKey: 3 };
    const turns = new FairTurns(options);
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const first = turns.run('a', () => opened);
    const waiting = ['a', 'a', 'a', 'b'].map((key) => turns.run(key, async () => key));
    expect(await turns.run('a', async () => 'a').catch(codeOf)).toBe('RATE_LIMITED');
    open();
    await first;
    expect(await Promise.all(waiting)).toEqual(['a', 'a', 'a', 'b']);
    expect(await turns.run('a', async () => 'a')).toBe('a');
  });

  test('that are urgent come before the others of their key, and are not refused for them', async () => {
    const options = { seats: ['one'], seatsOfOneKey: 1, patienceMs: 100, waitingOfOneKey: 1 };
    const turns = new FairTurns(options);
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const order: string[] = [];
    const first = turns.run('a', () => opened);
    const late = turns.run('a', async () => order.push('late')).catch(codeOf);
    const urgent = ['x', 'y'].map((name) => turns.run('a', async () => order.push(name), true));
    expect(await late).toBe('RATE_LIMITED');
    const usual = turns.run('a', async () => order.push('usual')).catch(codeOf);
    urgent.push(turns.run('a', async () => order.push('z'), true));
    open();
    await Promise.all([first, usual, ...urgent]);
    expect(order).toEqual(['x', 'y', 'z', 'usual']);
  });

  test('that come too late are refused, and the others come', async () => {
    const turns = new FairTurns({ seats: ['one'], seatsOfOneKey: 1, patienceMs: 100 });
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const first = turns.run('a', () => opened);
    const late = await Promise.allSettled([turns.run('a', async () => 'a'), turns.run('b', async () => 'b')]);
    expect(codesOf(late)).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
    open();
    await first;
    expect(await turns.run('b', async () => 'b')).toBe('b');
  });
});
