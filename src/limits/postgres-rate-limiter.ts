import { createHash } from 'node:crypto';
import type { Pool, QueryConfig } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres } from 'rate-limiter-flexible';
import { adaptRateLimiter, type RateLimiter } from './rate-limiter.js';

export interface PostgresLimits {
  pool: Pool;
  /** The database's time. */
  clock: () => Date;
  /** Tells the counts of one limiter from those of another. */
  name: string;
  /** Counts in one window. */
  limit: number;
  windowSeconds: number;
}

const tableName = 'rate_limits';
/** Positions of instants among the parameters of the library's statements, in milliseconds since 1970. */
const instantsOf: Record<string, readonly number[]> = {
  'rlflx-upsert': [2, 3],
  'rlflx-get': [1],
  'rlflx-clear-expired': [0],
};
/** If processes start together, all but one may find the table half made. */
const maxAttempts = 5;

/** Counts for all processes on a database, in a table that is made at need. While that is away, each process counts for itself. */
export async function createPostgresRateLimiter(options: PostgresLimits): Promise<RateLimiter> {
  const { count, look } = adaptRateLimiter(await openLimiter(options, 1), options.clock);
  return { count: (key) => count(shorten(key)), look: (key) => look(shorten(key)) };
}

async function openLimiter(options: PostgresLimits, attempt: number): Promise<RateLimiterPostgres> {
  const { pool, clock, name, limit: points, windowSeconds: duration } = options;
  try {
    return await new Promise((resolve, reject) => {
      const limiter: RateLimiterPostgres = new RateLimiterPostgres(
        {
          storeClient: { query: (query: QueryConfig) => askInItsTime(pool, clock, query) },
          storeType: 'pool',
          tableName,
          keyPrefix: name,
          points,
          duration,
          insuranceLimiter: new RateLimiterMemory({ points, duration }),
        },
        (error) => (error ? reject(error) : resolve(limiter)),
      );
    });
  } catch (error) {
    if (attempt === maxAttempts) throw error;
    return openLimiter(options, attempt + 1);
  }
}

/** The library goes by this machine's clock; in the table, which others read too, is the database's time. */
async function askInItsTime(pool: Pool, clock: () => Date, query: QueryConfig) {
  const aheadMs = clock().getTime() - Date.now();
  const places = instantsOf[query.name?.split(':').at(-1) ?? ''] ?? [];
  const values = query.values?.map((value: unknown, place) =>
    places.includes(place) ? Number(value) + aheadMs : value,
  );
  const result = await pool.query<{ expire?: string | number }>({ ...query, ...(values && { values }) });
  for (const row of result.rows) if (row.expire) row.expire = Number(row.expire) - aheadMs;
  return result;
}

/** Keys may be long, and the table's are not. */
function shorten(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
