import { v7 as uuidv7 } from 'uuid';
import { purgeExpired } from '../src/cleaning/clean-up.js';
import { sweepStorage } from '../src/cleaning/sweep-storage.js';
import { loadConfig } from '../src/config/config.js';
import { IntakeLeases } from '../src/intake/intake-leases.js';
import { Changes } from '../src/model/changes.js';
import { createMemoryStorage } from '../src/storage/memory.js';
import { openConfiguredDatabase } from '../src/wiring/open-stores.js';
import type { GrowthEngine } from './growth-engines.js';
import type { Seed } from './seed-attachments.js';

/** Milliseconds to purge one expired attachment, and to sweep one hour partition in which 200 objects have no row. */
export interface CleaningTiming {
  purge: number;
  sweep: number;
}

const expiredCount = 500;
const orphanCount = 200;
const hourMs = 3_600_000;

export async function timeCleaning(engine: GrowthEngine, seed: Seed): Promise<CleaningTiming> {
  const database = await openConfiguredDatabase(loadConfig(engine.environment));
  const storage = createMemoryStorage();
  const deps = {
    database,
    storage,
    clock: () => new Date(),
    changes: new Changes(),
    webhooks: { forget: async () => {} },
    leases: new IntakeLeases(database),
  };
  try {
    await expireSome(engine);
    const purge = await timeMs(async () => {
      const purged = await purgeExpired(deps);
      if (purged < expiredCount / 2) throw new Error(`only ${purged} were purged`);
    });
    const partition = new Date(Date.now() - 30 * hourMs);
    await sweepStorage(deps, { lookBackMs: 0 });
    await leaveOrphans(storage, seed.organizationId, partition);
    const sweep = await timeMs(async () => {
      const removed = await sweepStorage(deps, { lookBackMs: 8 * hourMs });
      if (removed.length !== orphanCount) throw new Error(`${removed.length} objects were swept`);
    });
    return { purge: purge / expiredCount, sweep };
  } finally {
    await database.close();
  }
}

async function timeMs(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function expireSome(engine: GrowthEngine): Promise<void> {
  await engine.query(
    `UPDATE attachments SET expires_at = 1 WHERE id IN
       (SELECT id FROM attachments WHERE expires_at IS NOT NULL ORDER BY expires_at, id LIMIT ${expiredCount})`,
  );
}

async function leaveOrphans(
  storage: ReturnType<typeof createMemoryStorage>,
  organizationId: string,
  hour: Date,
): Promise<void> {
  const partition = hour.toISOString().slice(0, 13).replace('T', '/');
  for (let index = 0; index < orphanCount; index += 1) {
    const writer = await storage.create(
      `${partition}/${organizationId}/${uuidv7({ msecs: hour.getTime() })}`,
    );
    await writer.write([Buffer.from('left behind')]);
    await writer.commit();
  }
}
