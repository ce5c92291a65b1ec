import { type Admit, createAdmit } from '../auth/admit.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { maxJsonBody } from '../graphql/read-json.js';
import { DownloadPlaces } from '../limits/download-places.js';
import { createMemoryRateLimiter } from '../limits/memory-rate-limiter.js';
import { createNetworkRate, type NetworkRate, type Shares } from '../limits/network-rate.js';
import type { RateLimiter } from '../limits/rate-limiter.js';
import { BodyMemory, UploadConcurrency } from '../limits/upload-concurrency.js';

const windowSeconds = 60;
/** For counting requests, beside the pool of everything else. */
const connections = 2;
/** After which each process counts for itself. */
const longestAnswerMs = 3_000;

/** A page begins its subscriptions together. */
const subscriptionsPerRequest = 10;

/** A guess costs us a look into the database: whoever has many networks gets little more than who has one. */
const sharesOfFailures: Shares = [1, 1.5, 2];
/** Many clients may be in the networks around one. */
const sharesOfAnonymous: Shares = [1, 2, 4];

export interface Limits {
  admit: Admit;
  /** Counts requests without a credential; null for no limit. By this process alone, so that none of them costs a statement. */
  anonymous: NetworkRate | null;
  /** Counts subscriptions that begin, by this process alone; null for no limit. */
  subscribing: RateLimiter | null;
  uploadConcurrency: UploadConcurrency;
  bodies: BodyMemory;
  places: DownloadPlaces;
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

/** Counters of requests. Processes that share a database count together. */
export async function openLimits(config: Config, deps: LimitDependencies): Promise<Limits> {
  const { database, authenticate } = deps;
  const { open, closeLimits } = config.postgres ? await shareLimits(config.postgres, database) : ownLimits;
  return {
    admit: createAdmit({
      authenticate,
      requests: await unlessOff(open, 'requests', config.requestsPerMinute),
      failures: await networkRate(open, 'failed_logins', config.failedLoginsPerMinute, sharesOfFailures),
    }),
    anonymous: await networkRate(ownLimits.open, '', config.anonymousRequestsPerMinute, sharesOfAnonymous),
    subscribing: await unlessOff(ownLimits.open, '', subscriptionsPerRequest * config.requestsPerMinute),
    uploadConcurrency: new UploadConcurrency(config.maxConcurrentUploads),
    bodies: new BodyMemory(maxJsonBody(config.maxInlineSize)),
    places: new DownloadPlaces(config.maxConcurrentDownloads),
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

/** A limit of 0 is off. */
async function networkRate(
  open: OpenLimiter,
  name: string,
  limit: number,
  shares: Shares,
): Promise<NetworkRate | null> {
  if (limit === 0) return null;
  const suffixes = ['', '_around', '_widest'];
  return createNetworkRate((width, ofWidth) => open(`${name}${suffixes[width]}`, ofWidth), limit, shares);
}
