import { cleanUp } from '../../src/cleaning/clean-up.js';
import { loadConfig } from '../../src/config/config.js';
import { IntakeLeases } from '../../src/intake/intake-leases.js';
import { Changes } from '../../src/model/changes.js';
import { forgetWebhooks } from '../../src/webhooks/create-webhooks.js';
import { createConfiguredStorage, openConfiguredDatabase } from '../../src/wiring/open-stores.js';
import { overrideStorage } from '../support/override-storage.js';

/**
 * Cleans once what DATA_DIR holds, as if it were so many hours later, and kills itself at the moment of this number: there is one
 * before and one behind each transaction and each removal of bytes. Ends by itself if there are fewer.
 */
const [, , moment = '', hoursLater = ''] = process.argv;
let left = Number(moment);

async function around<T>(work: () => Promise<T>): Promise<T> {
  pass();
  const value = await work();
  pass();
  return value;
}

function pass(): void {
  left -= 1;
  if (left < 0) process.kill(process.pid, 'SIGKILL');
}

const config = loadConfig(process.env);
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
  clock: () => new Date(database.clock().getTime() + Number(hoursLater) * 3_600_000),
  verdicts: { forget: forgetWebhooks },
  changes: new Changes(),
  // Nobody is watched for long: who has a row is dead.
  leases: new IntakeLeases(database, { deadAfterMs: 0 }),
  auditRetentionMs: 0,
});
await database.close();
