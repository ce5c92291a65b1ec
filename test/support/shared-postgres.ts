import { type Postgres, startPostgres } from './postgres.js';

let postgres: Postgres | undefined;

/** One PostgreSQL server for all test files that want one, started before the first and told of by the environment. */
export async function startShared(): Promise<void> {
  postgres = await startPostgres({ maxConnections: 400 });
  process.env['SHARED_POSTGRES_URL'] = postgres.url;
}

export async function stopShared(): Promise<void> {
  await postgres?.stop();
}
