import type { Config } from '../config.js';
import { openConfiguredDatabase } from '../wiring/open-stores.js';

/** Brings the database to this version's tables, and does nothing where it is there already. */
export async function migrate(config: Config): Promise<void> {
  const database = await openConfiguredDatabase(config);
  await database.close();
  process.stdout.write('The database is up to date.\n');
}
