import type { Config } from '../config.js';
import { openDatabase } from '../database/database.js';

/** Brings the database to this version's tables, and does nothing where it is there already. */
export async function migrate(config: Config): Promise<void> {
  const database = await openDatabase(config.dataDirectory);
  await database.close();
  process.stdout.write('The database is up to date.\n');
}
