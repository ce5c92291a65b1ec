import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres } from 'rate-limiter-flexible';
import { adaptRateLimiter } from './adapt-rate-limiter.js';
import type { RateLimiter } from './rate-limiter.js';

export interface PostgresLimits {
  pool: Pool;
  /** Tells the counts of one limiter from those of another. */
  name: string;
  /** Counts in one window. */
  limit: number;
  windowSeconds: number;
}

const tableName = 'rate_limits';
/** Of processes that start together, all but one may find the table half made. */
const maxAttempts = 5;

/** Counts for all processes on a database, in a table that is made at need. While that is away, each process counts for itself. */
export async function createPostgresRateLimiter(options: PostgresLimits): Promise<RateLimiter> {
  const { count, look } = adaptRateLimiter(await openLimiter(options, 1));
  return { count: (key) => count(shorten(key)), look: (key) => look(shorten(key)) };
}

async function openLimiter(options: PostgresLimits, attempt: number): Promise<RateLimiterPostgres> {
  const { pool, name, limit: points, windowSeconds: duration } = options;
  try {
    return await new Promise((resolve, reject) => {
      const limiter: RateLimiterPostgres = new RateLimiterPostgres(
        {
          storeClient: pool,
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

/** Keys may be long, and the table's are not. */
function shorten(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
