import pg from 'pg';
import { type Seed, seedStatements } from './seed-attachments.js';
import { postgresDialect } from './seed-dialect.js';

/** Fills the database of a service that does not run at present. Constraints stay; the tables' other indexes are made anew at the end. */
export async function seedPostgres(url: string, seed: Seed): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'");
    const { rows: indexes } = await client.query<{ name: string; sql: string }>(
      `SELECT indexname AS name, indexdef AS sql FROM pg_indexes
       WHERE tablename IN ('blobs', 'attachments', 'record_fields', 'links')
         AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
    );
    for (const { name } of indexes) await client.query(`DROP INDEX "${name}"`);
    for (const statement of seedStatements(postgresDialect, seed)) await client.query(statement);
    for (const { sql } of indexes) await client.query(sql);
    await client.query('VACUUM ANALYZE');
    // The rows go to the disk now, and not while the service is timed.
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}
