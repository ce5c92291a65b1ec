import { type Admit, createAdmit } from '../auth/admit.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Config } from '../config.js';
import { createPostgresPool } from '../database/postgres-pool.js';
import { createMemoryRateLimiter } from '../limits/memory-rate-limiter.js';
import { createPostgresRateLimiter } from '../limits/postgres-rate-limiter.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { UploadSlots } from '../limits/upload-slots.js';

const windowSeconds = 60;
/** For counting requests, beside the pool of everything else. */
const connections = 2;

export interface Limits {
  admit: Admit;
  uploadSlots: UploadSlots;
  closeLimits(): Promise<void>;
}

type OpenLimiter = (name: string, limit: number) => Promise<RateLimiter>;

/** What is counted of requests, for whoever may have too many of them: by all processes together where they share a database. */
export async function openLimits(config: Config, authenticate: Authenticate): Promise<Limits> {
  const pool = config.postgres && createPostgresPool(config.postgres.url, connections);
  const open: OpenLimiter = async (name, limit) =>
    pool
      ? createPostgresRateLimiter({ pool, name, limit, windowSeconds })
      : createMemoryRateLimiter({ limit, windowSeconds });
  return {
    admit: createAdmit({
      authenticate,
      requests: await unlessOff(open, 'requests', config.requestsPerMinute),
      failures: await unlessOff(open, 'failed_logins', config.failedLoginsPerMinute),
    }),
    uploadSlots: new UploadSlots(config.maxConcurrentUploads),
    closeLimits: async () => pool?.end(),
  };
}

/** A limit of 0 is off. */
async function unlessOff(open: OpenLimiter, name: string, limit: number): Promise<RateLimiter | null> {
  return limit === 0 ? null : open(name, limit);
}
