import {
  createKeyUsage,
  createKnownKeys,
  KeyRevocations,
  type KeyUsage,
  type KnownKeys,
} from '../auth/api-keys.js';
import {
  type Admit,
  type Authenticate,
  createAdmit,
  createAuthenticate,
  createIdentifyKey,
  type Identify,
} from '../auth/authenticate.js';
import { createEnsureUser, createIdentifyToken } from '../auth/identify.js';
import { createTokenVerifier, type TokenFault, TokenRefusal } from '../auth/verify-token.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { maxJsonBody } from '../graphql/read-json.js';
import { createNetworkRate, type NetworkRate, type Shares } from '../limits/networks.js';
import { BodyMemory, DownloadPlaces, UploadConcurrency } from '../limits/places.js';
import {
  createMemoryRateLimiter,
  createPostgresRateLimiter,
  type RateLimiter,
} from '../limits/rate-limiter.js';
import type { Log } from './open-stores.js';

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

export interface Identification {
  authenticate: Authenticate;
  keys: KnownKeys;
  revocations: KeyRevocations;
  usage: KeyUsage;
  openToKeys(): void;
}

interface IdentityDependencies {
  database: Database;
  clock: () => Date;
  log: Log;
}

/** Finds out who asks, by a key or a token, once `openToKeys` has been called. */
export function createIdentification(config: Config, deps: IdentityDependencies): Identification {
  const { database, clock, log } = deps;
  const onUsageLost = (err: unknown) => log.warn({ err }, 'use of keys not noted');
  const usage = createKeyUsage({ database, clock, onUsageLost });
  const revocations = new KeyRevocations();
  const keys = createKnownKeys({ database, clock, revocations });
  const identifyKey = createIdentifyKey({ keys, usage });
  const identifyToken = identifyTokens(config, deps);
  const { isOpen, openToKeys } = keyGate();
  const tellRefusal = createRefusalLog(log);
  const authenticate = createAuthenticate({ identifyKey, identifyToken });
  return {
    authenticate: async (authorization) => {
      await isOpen;
      return authenticate(authorization).catch((error: unknown) => {
        if (error instanceof TokenRefusal) tellRefusal(error);
        throw error;
      });
    },
    keys,
    revocations,
    usage,
    openToKeys,
  };
}

const refusalIntervalMs = 60_000;

/** Logs why tokens are refused, each reason once a minute with how often it came since: whoever sends bad ones writes no log. */
function createRefusalLog(log: Pick<Log, 'info'>): (refusal: TokenRefusal) => void {
  const told = new Map<TokenFault, { at: number; since: number }>();
  return ({ fault, reason }) => {
    const { at, since } = told.get(fault) ?? { at: Number.NEGATIVE_INFINITY, since: 0 };
    const now = performance.now();
    const isDue = now - at >= refusalIntervalMs;
    told.set(fault, isDue ? { at: now, since: 0 } : { at, since: since + 1 });
    if (isDue) log.info({ fault, reason, alsoSinceThen: since }, 'a token was refused');
  };
}

/** The service listens before the first key is made: credentials that come in between wait, instead of being refused. */
function keyGate(): { isOpen: Promise<void>; openToKeys(): void } {
  let openToKeys = () => {};
  const isOpen = new Promise<void>((resolve) => {
    openToKeys = resolve;
  });
  return { isOpen, openToKeys };
}

/** Null where no tokens are taken. */
function identifyTokens({ jwt }: Config, { database, clock, log }: IdentityDependencies): Identify | null {
  if (jwt === null) return null;
  const onKeysUnusable = (err: unknown) => log.warn({ err }, 'no keys to verify tokens with');
  const verify = createTokenVerifier(jwt, { clock, onKeysUnusable });
  const ensureUser = createEnsureUser({
    database,
    clock,
    createOrganizations: jwt.createOrganizations,
    onOrganizationMade: (organizationId) => log.info({ organizationId }, 'a token has made an organization'),
  });
  return createIdentifyToken({ verify, ensureUser, clock });
}
