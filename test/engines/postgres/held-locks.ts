import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Cluster } from './cluster.js';

/** Takes locks by these statements, on a connection of its own. Returns a function that runs others there and commits. */
export async function holdLocks(
  { postgres }: Cluster,
  ...statements: string[]
): Promise<(...more: string[]) => Promise<void>> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  for (const statement of ['BEGIN', ...statements]) await client.query(statement);
  return async (...more) => {
    for (const statement of [...more, 'COMMIT']) await client.query(statement);
    await client.end();
  };
}

/** Waits until so many statements of this form wait for a lock. */
export async function untilBlocked(cluster: Cluster, form: RegExp, count = 1): Promise<void> {
  for (;;) {
    const blocked = await cluster.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    if (blocked.filter(({ query }) => form.test(query)).length >= count) return;
    await sleep(10);
  }
}
