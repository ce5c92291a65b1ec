import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { RemovalRow, SweepRow } from '../../../src/database/entities/cleaning.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import { forgetWebhooks } from '../../../src/webhooks/create-webhooks.js';
import { overrideStorage } from '../../support/override-storage.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

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
  };
  await expect(cleanUp(deps)).rejects.toThrow('Permission denied');
  expect(await database.read.countBy(RemovalRow, {})).toBe(600);
  expect(await database.read.countBy(SweepRow, {})).toBe(1);
  await database.close();
});
