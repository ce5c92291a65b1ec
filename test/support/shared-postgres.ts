import { loadConfig } from '../../src/config/config.js';
import { openConfiguredDatabase, openConfiguredJobs } from '../../src/wiring/open-stores.js';
import { type Postgres, startPostgres } from './postgres.js';

let postgres: Postgres | undefined;

/** Starts one PostgreSQL server for all test files of a project. The environment tells them its address. */
export default async function startShared(): Promise<void> {
  postgres = await startPostgres({ maxConnections: 400 });
  await migrate(postgres.url);
  process.env['SHARED_POSTGRES_URL'] = postgres.url;
}

export async function stopShared(): Promise<void> {
  await postgres?.stop();
}

/** The databases of the tests are copies of this one, which is faster than to migrate each. */
async function migrate(url: string): Promise<void> {
  const config = loadConfig({ DATABASE_URL: url });
  const database = await openConfiguredDatabase(config);
  const log = { error: () => {}, warn: () => {} };
  const jobs = await openConfiguredJobs(config, { database, clock: () => new Date(), log });
  await jobs.stop(0);
  await database.close();
}
