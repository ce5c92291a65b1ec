import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../../src/database/database.js';
import { RemovalRow } from '../../../src/database/entities/stored-bytes.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

describe('writing to the embedded database', () => {
  let directory: string;
  let database: Database;

  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
    database = await openDatabase(directory);
  });

  afterEach(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const insert = (documentKey: string, more: { fails: boolean; pauses: number[] }) =>
    database.write(async (manager) => {
      await manager.insert(RemovalRow, { documentKey, createdAt: new Date(0) });
      for (const ms of more.pauses) await sleep(ms);
      await manager.update(RemovalRow, { documentKey }, { createdAt: new Date(1) });
      if (more.fails) throw new Error(`fails: ${documentKey}`);
      return documentKey;
    });

  const storedKeys = async () =>
    new Set((await database.read.find(RemovalRow)).map((row) => row.documentKey));

  test('200 interleaved transactions, a third of which fail, keep exactly what was acknowledged', async () => {
    const random = seededRandom();
    const attempts = Array.from({ length: 200 }, (_, index) => ({
      key: `key-${index}`,
      fails: random.next() < 1 / 3,
      delay: random.integer(0, 40),
      pauses: Array.from({ length: random.integer(0, 2) }, () => random.integer(0, 2)),
    }));
    const outcomes = await Promise.all(
      attempts.map(async ({ key, fails, delay, pauses }) => {
        await sleep(delay);
        return insert(key, { fails, pauses }).then(
          () => 'acknowledged' as const,
          () => 'failed' as const,
        );
      }),
    );
    const stored = await storedKeys();
    const acknowledged = attempts.filter((_, index) => outcomes[index] === 'acknowledged');
    const failed = attempts.filter((_, index) => outcomes[index] === 'failed');
    report(
      `seed ${random.seed}: ${acknowledged.length} acknowledged, ${failed.length} failed, ${stored.size} rows`,
    );
    expect(failed.map(({ fails }) => fails)).not.toContain(false);
    expect(acknowledged.map(({ fails }) => fails)).not.toContain(true);
    expect(failed.length).toBeGreaterThan(30);
    expect([...stored].sort()).toEqual(acknowledged.map(({ key }) => key).sort());
    const rows = await database.read.find(RemovalRow);
    expect(new Set(rows.map(({ createdAt }) => createdAt.getTime()))).toEqual(new Set([1]));
  });

  test('nobody sees what is not committed', async () => {
    let insideSeen = -1;
    await database.write(async (manager) => {
      await manager.insert(RemovalRow, { documentKey: 'a', createdAt: new Date(0) });
      insideSeen = await database.read.count(RemovalRow);
    });
    expect(insideSeen).toBe(0);
    expect(await database.read.count(RemovalRow)).toBe(1);
  });

  test('a constraint that fails in one piece of work leaves its neighbours in the group alone', async () => {
    const twice = ['same', 'other-1', 'same', 'other-2'].map((key) =>
      insert(key, { fails: false, pauses: [] }),
    );
    const results = await Promise.allSettled(twice);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await storedKeys()).toEqual(new Set(['same', 'other-1', 'other-2']));
  });

  test('a full database is STORAGE_UNAVAILABLE, stores nothing, and writing goes on once there is room', async () => {
    const fill = (pages: number) =>
      database.write((manager) => manager.query(`PRAGMA max_page_count = ${pages}`));
    await fill(1);
    const wide = (name: string) =>
      database.write(async (manager) => {
        for (let index = 0; index < 400; index += 1) {
          await manager.insert(RemovalRow, {
            documentKey: `${name}-${index}`.padEnd(120, 'x'),
            createdAt: new Date(0),
          });
        }
      });
    await expect(wide('first')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', status: 503 });
    expect(await database.read.count(RemovalRow)).toBe(0);
    await fill(1_000_000);
    await wide('second');
    expect(await database.read.count(RemovalRow)).toBe(400);
  });

  test('closing waits for writes under way', async () => {
    const slow = insert('slow', { fails: false, pauses: [50] });
    await database.close();
    await expect(slow).resolves.toBe('slow');
    database = await openDatabase(directory);
    expect(await storedKeys()).toEqual(new Set(['slow']));
  });
});
