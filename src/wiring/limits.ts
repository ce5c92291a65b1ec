import { type Admit, createAdmit } from '../auth/admit.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { createMemoryRateLimiter } from '../limits/memory-rate-limiter.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { UploadSlots } from '../limits/upload-slots.js';

const windowSeconds = 60;
/** For counting requests, beside the pool of everything else. */
const connections = 2;
/** After which each process counts for itself. */
const longestAnswerMs = 3_000;

export interface Limits {
  admit: Admit;
  uploadSlots: UploadSlots;
  closeLimits(): Promise<void>;
}

interface LimitDependencies {
  authenticate: Authenticate;
  database: Pick<Database, 'clock'>;
}

interface LimiterSource {
  open: OpenLimiter;
  closeLimits(): Promise<void>;
}

type OpenLimiter = (name: string, limit: number) => Promise<RateLimiter>;

/** What is counted of requests, for whoever may have too many of them: by all processes together where they share a database. */
export async function openLimits(config: Config, deps: LimitDependencies): Promise<Limits> {
  const { database, authenticate } = deps;
  const { open, closeLimits } = config.postgres ? await shareLimits(config.postgres, database) : ownLimits;
  return {
    admit: createAdmit({
      authenticate,
      requests: await unlessOff(open, 'requests', config.requestsPerMinute),
      failures: await unlessOff(open, 'failed_logins', config.failedLoginsPerMinute),
    }),
    uploadSlots: new UploadSlots(config.maxConcurrentUploads),
    closeLimits,
  };
}

const ownLimits: LimiterSource = {
  open: async (_name, limit) => createMemoryRateLimiter({ limit, windowSeconds }),
  closeLimits: async () => undefined,
};

async function shareLimits(
  { url }: { url: string },
  { clock }: Pick<Database, 'clock'>,
): Promise<LimiterSource> {
  const { createPostgresPool } = await import('../database/postgres-pool.js');
  const { createPostgresRateLimiter } = await import('../limits/postgres-rate-limiter.js');
  const pool = createPostgresPool(url, connections, longestAnswerMs);
  return {
    open: (name, limit) => createPostgresRateLimiter({ pool, clock, name, limit, windowSeconds }),
    closeLimits: () => pool.end(),
  };
}

/** A limit of 0 is off. */
async function unlessOff(open: OpenLimiter, name: string, limit: number): Promise<RateLimiter | null> {
  return limit === 0 ? null : open(name, limit);
}
