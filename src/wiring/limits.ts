import { type Admit, createAdmit } from '../auth/admit.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Config } from '../config.js';
import { createMemoryRateLimiter } from '../limits/memory-rate-limiter.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { UploadSlots } from '../limits/upload-slots.js';

const windowSeconds = 60;

/** What is counted of requests, for whoever may have too many of them. */
export function createLimits(
  config: Config,
  authenticate: Authenticate,
): { admit: Admit; uploadSlots: UploadSlots } {
  const requests = createRateLimiter(config.requestsPerMinute);
  const failures = createRateLimiter(config.failedLoginsPerMinute);
  return {
    admit: createAdmit({ authenticate, requests, failures }),
    uploadSlots: new UploadSlots(config.maxConcurrentUploads),
  };
}

/** Where counts are kept. Null for a limit of 0, which is off. */
function createRateLimiter(limit: number): RateLimiter | null {
  return limit === 0 ? null : createMemoryRateLimiter({ limit, windowSeconds });
}
