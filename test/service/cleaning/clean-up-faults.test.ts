import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { sweepStorage } from '../../../src/cleaning/sweep-storage.js';
import { RemovalRow, SweepRow } from '../../../src/database/entities/stored-bytes.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { hourPartition } from '../../../src/storage/document-key.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import { overrideStorage } from '../../support/override-storage.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

const hourMs = 3_600_000;
const keyOf = (index: number) =>
  `2026-01-01/00/acme/01a1f390-7b41-7202-80b4-${index.toString().padStart(12, '0')}`;

test('six hundred objects that cannot be removed keep no others, and no sweep, from being so', async () => {
  const database = await openTestDatabase(await makeTemporaryDirectory());
  const keys = Array.from({ length: 601 }, (_, index) => keyOf(index));
  const createdAt = new Date();
  for (const documentKey of keys) {
    await database.write((manager) => manager.insert(RemovalRow, { documentKey, createdAt }));
  }
  const storage = overrideStorage(createMemoryStorage(), {
    remove: async (key) => {
      if (key !== keyOf(600)) throw new Error('Permission denied');
    },
  });
  const deps = {
    database,
    storage,
    clock: () => new Date(),
    webhooks: { forget: forgetWebhooks },
    changes: new Changes(),
    leases: new IntakeLeases(database),
    auditRetentionMs: 0,
    webhookRetentionMs: 1,
  };
  await expect(cleanUp(deps)).rejects.toThrow('Permission denied');
  expect(await database.read.countBy(RemovalRow, {})).toBe(600);
  expect(await database.read.countBy(SweepRow, {})).toBe(1);
  await database.close();
});

test('a sweep of a month looks at every hour once, and at whole days in one go', async () => {
  const database = await openTestDatabase(await makeTemporaryDirectory());
  const memory = createMemoryStorage();
  const looked: string[] = [];
  const freed: string[] = [];
  const storage = overrideStorage(memory, {
    list: (partition) => {
      looked.push(partition);
      return memory.list(partition);
    },
    removeUnfinished: async (partition) => freed.push(partition),
  });
  const clock = () => new Date('2026-03-04T05:30:00Z');
  const deps = { database, storage, clock, leases: new IntakeLeases(database) };
  await sweepStorage(deps, { lookBackMs: 31 * 24 * hourMs });
  // From 5 o'clock on the first day to 5 o'clock on the last.
  expect(looked).toHaveLength(19 + 30 + 5);
  expect(freed.toSorted()).toEqual(looked.toSorted());
  const hoursOf = (partition: string) =>
    partition.length > 10
      ? [partition]
      : Array.from({ length: 24 }, (_, hour) => `${partition}/${String(hour).padStart(2, '0')}`);
  const until = Date.parse('2026-03-03T05:00:00Z');
  const due = Array.from({ length: 31 * 24 }, (_, index) =>
    hourPartition(new Date(until - (index + 1) * hourMs)),
  );
  expect(looked.flatMap(hoursOf).toSorted()).toEqual(due.toSorted());
  await database.close();
});
