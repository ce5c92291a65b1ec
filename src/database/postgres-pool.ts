import pg from 'pg';

const connectTimeoutMs = 5_000;

/** Connections of their own, for what cannot go through TypeORM. A lost one is replaced at the next use. */
export function createPostgresPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'claimcheck',
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // Whoever uses a connection hears of its loss; one that nobody uses is just gone.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
