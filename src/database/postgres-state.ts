import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSourceOptions, EntityManager } from 'typeorm';
import { toDatabaseFault } from './database-faults.js';
import { type DatabaseState, stateOf } from './database-state.js';
import type { PostgresOptions } from './postgres.js';
import { applicationName, guardedDriver } from './postgres-pool.js';
import { DataSource } from './typeorm.js';

/** The state of a database on PostgreSQL. Changes nothing. */
export function postgresState(options: PostgresOptions): Promise<DatabaseState> {
  return onConnection(options, async (source) => {
    const [tables] = await source.query(`SELECT to_regclass('api_keys') IS NOT NULL AS found`);
    return tables.found === true ? stateOf(await source.query('SELECT name FROM migrations')) : 'missing';
  });
}

/** A connection that has been closed is there for a moment. */
const patienceMs = 3_000;

/** Whether a service, or a command other than a move, has this database open. */
export function isInUse(options: PostgresOptions): Promise<boolean> {
  return onConnection(options, async (source) => {
    for (const end = performance.now() + patienceMs; await isInUseNow(source); await sleep(100)) {
      if (performance.now() > end) return true;
    }
    return false;
  });
}

/** Whether a service, or a command other than a move, has the database open at this moment. */
export async function isInUseNow(manager: Pick<EntityManager, 'query'>): Promise<boolean> {
  const sql = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = $1 LIMIT 1`;
  return (await manager.query<unknown[]>(sql, [applicationName])).length > 0;
}

/** Without the name of a service. */
async function onConnection<T>(
  { url }: PostgresOptions,
  work: (source: DataSource) => Promise<T>,
): Promise<T> {
  const options: DataSourceOptions = { type: 'postgres', driver: guardedDriver, url, poolSize: 1 };
  const source = await new DataSource(options).initialize().catch((error: unknown) => {
    throw toDatabaseFault(error);
  });
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}
