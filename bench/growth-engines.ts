import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../test/support/postgres.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';
import type { Seed } from './seed-attachments.js';
import { seedPostgres } from './seed-postgres.js';
import { seedSqlite } from './seed-sqlite.js';
import { withSqliteFile } from './sqlite-file.js';

/** A database that grows, and a service's settings for it. */
export interface GrowthEngine {
  name: string;
  environment: Record<string, string>;
  /** While no service runs. */
  seed(seed: Seed): Promise<void>;
  /** Behind the service's back. Rows have the columns' own names. */
  query<Row>(sql: string): Promise<Row[]>;
  stop(): Promise<void>;
}

export async function startSqliteEngine(): Promise<GrowthEngine> {
  const directory = makeScratchDirectory('growth-sqlite');
  const path = join(directory, 'claimcheck.sqlite');
  return {
    name: 'SQLite',
    environment: { DATA_DIR: directory },
    seed: (seed) => seedSqlite(path, seed),
    query: (sql) => withSqliteFile(path, (file) => file.all(sql)),
    stop: async () => removeScratchDirectory(directory),
  };
}

export async function startPostgresEngine(): Promise<GrowthEngine> {
  const directory = makeScratchDirectory('growth-postgres');
  const postgres = await startPostgres({ syncs: true });
  const pool = new pg.Pool({ connectionString: postgres.url, max: 1 });
  // At the end the server may go before the last connection has.
  pool.on('error', () => undefined);
  return {
    name: 'PostgreSQL',
    environment: {
      DATA_DIR: directory,
      DATABASE_URL: postgres.url,
      SIGNING_SECRET: 'a secret for benchmarks alone',
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    },
    seed: (seed) => seedPostgres(postgres.url, seed),
    query: async <Row>(sql: string) => (await pool.query(sql)).rows as Row[],
    stop: async () => {
      await pool.end();
      await postgres.stop();
      removeScratchDirectory(directory);
    },
  };
}
