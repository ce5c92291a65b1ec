import pg from 'pg';
import { startService } from '../../support/service.js';
import { Cluster } from './cluster.js';

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
