import { cleanUp } from '../../../src/cleaning/clean-up.js';
import { loadConfig } from '../../../src/config/config.js';
import { IntakeLeases } from '../../../src/intake/intake-leases.js';
import { Changes } from '../../../src/model/changes.js';
import { forgetWebhooks } from '../../../src/webhooks/fan-out.js';
import { createConfiguredStorage, openConfiguredDatabase } from '../../../src/wiring/open-stores.js';
import { overrideStorage } from '../../support/override-storage.js';

/**
 * Cleans once what the settings in `env` name, as if it were so many hours later. `pass` is called before and after each
 * transaction and each removal of bytes.
 */
export async function cleanLater(env: NodeJS.ProcessEnv, hours: number, pass: () => void): Promise<void> {
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    pass();
    const value = await work();
    pass();
    return value;
  };
  const config = loadConfig(env);
  const database = await openConfiguredDatabase(config);
  const files = await createConfiguredStorage(config);
  const storage = overrideStorage(files, {
    remove: (key) => around(() => files.remove(key)),
    removeUnfinished: (...words) => around(() => files.removeUnfinished(...words)),
  });
  const write: typeof database.write = (work) => around(() => database.write(work));
  const watched = { ...database, write };
  await cleanUp({
    database: watched,
    storage,
    clock: () => new Date(database.clock().getTime() + hours * 3_600_000),
    webhooks: { forget: forgetWebhooks },
    changes: new Changes(),
    // Nobody is watched for long: who has a row is dead.
    leases: new IntakeLeases(database, { deadAfterMs: 0 }),
    auditRetentionMs: 0,
    webhookRetentionMs: 1,
  });
  await database.close();
}
