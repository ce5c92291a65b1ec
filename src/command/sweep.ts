import { cleanUp } from '../cleaning/clean-up.js';
import { listDue } from '../cleaning/list-due.js';
import { oldestOrganizationAt, sweepStorage } from '../cleaning/sweep-storage.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { IntakeLeases } from '../intake/intake-leases.js';
import { Changes } from '../model/changes.js';
import { forgetWebhooks } from '../webhooks/create-webhooks.js';
import { silentLog } from '../wiring/log.js';
import { openConfiguredDatabase, openConfiguredStorage } from '../wiring/open-stores.js';
import { relayConfiguredChanges } from '../wiring/relay-changes.js';

/** Bytes may be older than the rows: a store that was in use before, or a clock that has been set. */
const leastLookBackMs = 31 * 86_400_000;

export interface SweepCommandOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** Cleans at once, as the service does by itself; with `dryRun` it says what would go, and why, and changes nothing. */
export async function sweep(
  config: Config,
  { dryRun = false, json = false }: SweepCommandOptions,
): Promise<void> {
  const database = await openConfiguredDatabase(config);
  const changes = new Changes();
  const stopRelay = await relayConfiguredChanges(config, { changes }, silentLog);
  const deps = {
    database,
    storage: await openConfiguredStorage(config, database),
    clock: database.clock,
    webhooks: { forget: forgetWebhooks },
    changes,
    leases: new IntakeLeases(database),
    auditRetentionMs: config.auditRetentionMs,
    webhookRetentionMs: config.webhookRetentionMs,
  };
  try {
    const options = { lookBackMs: await ageOf(database) };
    let count = 0;
    for await (const due of listDue(deps, options)) {
      process.stdout.write(`${json ? JSON.stringify(due) : `${due.kind} ${due.id}: ${due.reason}`}\n`);
      count += 1;
    }
    if (!dryRun) {
      await cleanUp(deps);
      await sweepStorage(deps, options);
    }
    const summary = `${count} ${dryRun ? 'would go' : 'have gone'}.`;
    process.stdout.write(`${json ? JSON.stringify({ count, dryRun }) : summary}\n`);
  } finally {
    await stopRelay();
    await database.close();
  }
}

/** Whoever asks for a sweep wants all looked at that can ever have been stored, even where that has been done. */
async function ageOf(database: Database): Promise<number> {
  const now = database.clock();
  const oldest = (await oldestOrganizationAt(database)) ?? now;
  return now.getTime() - oldest.getTime() + leastLookBackMs;
}
