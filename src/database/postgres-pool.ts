import pg from 'pg';

const connectTimeoutMs = 5_000;

/**
 * Its connections may end at any moment, also in the one between being handed out and being used, when nobody else listens:
 * an error that nobody hears would end the process. Whoever uses a connection hears of its loss; one that nobody uses is just
 * gone.
 */
class GuardedPool extends pg.Pool {
  constructor(config?: pg.PoolConfig) {
    super(config);
    this.on('error', () => undefined);
    this.on('connect', (client) => client.on('error', () => undefined));
  }
}

/** The driver, for TypeORM. */
export const guardedDriver: typeof pg = Object.create(pg, { Pool: { value: GuardedPool, enumerable: true } });

/** Connections of their own, for what cannot go through TypeORM. A lost one is replaced at the next use. */
export function createPostgresPool(url: string, max: number): pg.Pool {
  return new GuardedPool({
    connectionString: url,
    application_name: 'claimcheck',
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
}
