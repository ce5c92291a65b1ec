import { loadConfig } from '../../../src/config/config.js';
import type { Database } from '../../../src/database/database.js';
import type { Jobs } from '../../../src/jobs/jobs.js';
import { openConfiguredDatabase, openConfiguredJobs } from '../../../src/wiring/open-stores.js';
import { handler, until } from '../../support/jobs-contract.js';
import { databaseEnvironment } from '../../support/test-database.js';

interface Own {
  database: Database;
  jobs: Jobs;
}

/** Does `work` with the jobs of the service with this data directory, as another process of it would. */
export async function withOwnJobs<T>(dataDirectory: string, work: (own: Own) => Promise<T>): Promise<T> {
  const config = loadConfig({ DATA_DIR: dataDirectory, ...(await databaseEnvironment(dataDirectory)) });
  const database = await openConfiguredDatabase(config);
  const log = { error: () => {}, warn: () => {} };
  const jobs = await openConfiguredJobs(config, { database, clock: () => new Date(), log });
  try {
    return await work({ database, jobs });
  } finally {
    await jobs.stop(1_000);
    await database.close();
  }
}

/** Has every job of a kind fail as often as it may. */
export async function exhaust({ jobs }: Own, kind: string, attempts: number, error: string): Promise<void> {
  const retryDelaysMs = Array.from({ length: attempts - 1 }, () => 0);
  const fail = () => Promise.reject(new Error(error));
  await jobs.work({ [kind]: handler(fail, { retryDelaysMs, concurrency: 30 }) });
  await until(
    async () => (await jobs.counts()).every(({ waiting, running }) => waiting + running === 0),
    30_000,
  );
}
