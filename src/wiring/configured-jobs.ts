import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { EmbeddedJobs } from '../jobs/embedded.js';
import type { Jobs } from '../jobs/jobs.js';
import type { Log } from './log.js';

/** For taking jobs of two kinds, and hearing of new ones of each. */
const connections = 6;

interface JobDependencies {
  database: Database;
  clock: () => Date;
  log: Pick<Log, 'error' | 'warn'>;
}

/** The engine that goes with the database. What fails is logged under the kind of its job; retries are the engine's. */
export async function openConfiguredJobs({ postgres }: Config, deps: JobDependencies): Promise<Jobs> {
  const { log } = deps;
  const options = {
    ...deps,
    onFailure: (err: unknown, job: { kind: string; attempts: number; isLast: boolean } | null) => {
      if (job?.isLast) log.error({ err, job }, 'a job has used up its attempts');
      else log.warn({ err, job }, 'a job has failed and runs again');
    },
  };
  if (postgres === null) return new EmbeddedJobs(options);
  const { createPostgresPool } = await import('../database/postgres-pool.js');
  const { longestAnswerMs } = await import('../database/postgres.js');
  const { GraphileJobs, migrateGraphileJobs } = await import('../jobs/graphile.js');
  const { url, statementTimeoutMs } = postgres;
  await migrateGraphileJobs({ ...options, createPool: () => createPostgresPool(url, connections, 0) });
  const createPool = () => createPostgresPool(url, connections, longestAnswerMs(statementTimeoutMs));
  return new GraphileJobs({ ...options, createPool });
}
