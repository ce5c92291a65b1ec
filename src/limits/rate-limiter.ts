import { createHash } from 'node:crypto';
import type { Pool, QueryConfig } from 'pg';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  type RateLimiterRes,
} from 'rate-limiter-flexible';
import { createBoundedCache } from '../bounded-cache.js';
import { type AttachmentError, type FaultTypeOf, fault } from '../errors.js';

/** How much of its limit a key has used up in its current window. */
export interface Rate {
  limit: number;
  remaining: number;
  /** Whether the limit has been passed. */
  isExceeded: boolean;
  /** When the window ends, and all of the limit is there again. */
  resetsAt: Date;
  resetsInMs: number;
}

/** Counts what happens under a key. A key's window begins with the first count. */
export interface RateLimiter {
  /** Counts one more, also past the limit. */
  count(key: string): Promise<Rate>;
  /** Counts nothing. Null where nothing was counted lately. */
  look(key: string): Promise<Rate | null>;
}

/** RATE_LIMITED, with the time after which the limit is there again: at least one second. `type` is that of its detail. */
export function rateLimited(
  { limit, resetsInMs }: Rate,
  msg: string,
  type: FaultTypeOf<'RATE_LIMITED'>,
): AttachmentError {
  const retryAfterSeconds = Math.max(1, Math.ceil(resetsInMs / 1_000));
  return fault(type, ['headers', 'authorization'], msg, { message: msg, limit, retryAfterSeconds });
}

/** A limiter of the library, whatever it keeps its counts in, as our port. `clock` is what clients are told the time by. */
function adaptRateLimiter(limiter: RateLimiterAbstract, clock: () => Date): RateLimiter {
  const toRate = ({ consumedPoints, msBeforeNext }: RateLimiterRes): Rate => ({
    limit: limiter.points,
    remaining: Math.max(0, limiter.points - consumedPoints),
    isExceeded: consumedPoints > limiter.points,
    resetsInMs: msBeforeNext,
    resetsAt: new Date(clock().getTime() + msBeforeNext),
  });
  return {
    count: async (key) => toRate(await limiter.penalty(key)),
    look: async (key) => {
      const counted = await limiter.get(key);
      return counted && toRate(counted);
    },
  };
}

/** Some 50 MB of counts; whoever comes from more addresses than that is forgotten sooner. */
const maxKeys = 100_000;

export interface MemoryLimits {
  /** Counts in one window. */
  limit: number;
  windowSeconds: number;
  maxKeys?: number;
}

/** Counts within this process, for the `maxKeys` keys that came last. */
export function createMemoryRateLimiter({ limit, windowSeconds, ...bounds }: MemoryLimits): RateLimiter {
  const limiter = new RateLimiterMemory({ points: limit, duration: windowSeconds });
  const keys = createBoundedCache<true>(bounds.maxKeys ?? maxKeys, {
    dispose: (_, key) => void limiter.delete(key),
  });
  const { count, look } = adaptRateLimiter(limiter, () => new Date());
  return {
    count: (key) => {
      keys.set(key, true);
      return count(key);
    },
    look,
  };
}

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
  const positions = instantsOf[query.name?.split(':').at(-1) ?? ''] ?? [];
  const values = query.values?.map((value: unknown, position) =>
    positions.includes(position) ? Number(value) + aheadMs : value,
  );
  const result = await pool.query<{ expire?: string | number }>({ ...query, ...(values && { values }) });
  for (const row of result.rows) if (row.expire) row.expire = Number(row.expire) - aheadMs;
  return result;
}

/** Keys may be long, and the table's are not. */
function shorten(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
