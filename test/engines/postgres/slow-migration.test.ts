import pg from 'pg';
import { postgresOptions } from '../../../src/database/postgres.js';
import { DataSource } from '../../../src/database/typeorm.js';
import { startService } from '../../support/service.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

/** Makes the first table of a database take this long, as an index does on many rows. */
async function slowDown(url: string, seconds: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    CREATE SEQUENCE made;
    CREATE FUNCTION wait_once() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN IF nextval('made') = 1 THEN PERFORM pg_sleep(${seconds}); END IF; END $$;
    CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION wait_once()`);
  await client.end();
}

test('a migration takes longer than any statement of a request may', async () => {
  await using cluster = await Cluster.open();
  const url = await cluster.postgres.createDatabase();
  await slowDown(url, 2.5);
  const settings = { DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT_SECONDS: '1' };
  const started = performance.now();
  await using service = await startService(cluster.env(settings));
  expect(performance.now() - started).toBeGreaterThan(2_500);
  expect(await service.client.upload({ content: 'x' })).toMatchObject({ size: 1 });
});

test('a migration of several tables waits for whoever has written to one and reads another', async () => {
  await using cluster = await Cluster.open();
  const settings = { url: cluster.postgres.url, poolSize: 2, statementTimeoutMs: 0 };
  const source = await new DataSource(postgresOptions(settings)).initialize();
  await source.runMigrations();
  const isDone = async () =>
    (await source.query(`SELECT 1 FROM migrations WHERE name = 'NarrowIndexes1763700000181'`)).length > 0;
  const pairs = [
    ['audit_events', 'links'],
    ['links', 'audit_events'],
    ['attachments', 'blobs'],
    ['audit_events', 'attachments'],
  ];
  const outcomes: string[] = [];
  for (const [written, read] of pairs) {
    while (await isDone()) await source.undoLastMigration();
    const release = await holdLocks(cluster, `LOCK TABLE ${written} IN ROW EXCLUSIVE MODE`);
    const migrated = source.runMigrations();
    await untilBlocked(cluster, /^DROP (INDEX|TRIGGER)/);
    const both = await Promise.allSettled([migrated, release(`SELECT 1 FROM ${read} LIMIT 1`)]);
    outcomes.push(...both.map(({ status }) => status));
  }
  await source.destroy();
  expect(outcomes).toEqual(Array.from({ length: 2 * pairs.length }, () => 'fulfilled'));
});
