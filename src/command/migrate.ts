import type { Config } from '../config/config.js';
import { silentLog } from '../wiring/log.js';
import { openConfiguredDatabase, openConfiguredJobs } from '../wiring/open-stores.js';

/** Brings the database to this version's tables, and does nothing where it is there already. */
export async function migrate(config: Config): Promise<void> {
  const database = await openConfiguredDatabase(config);
  try {
    await openConfiguredJobs(config, {
      database,
      clock: database.clock,
      log: silentLog,
    });
  } finally {
    await database.close();
  }
  process.stdout.write('The database is up to date.\n');
}
