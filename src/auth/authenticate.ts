import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AttachmentError } from '../errors.js';
import { type NetworkRate, networksOf } from '../limits/networks.js';
import { principalKey } from '../limits/places.js';
import { type Rate, type RateLimiter, rateLimited } from '../limits/rate-limiter.js';
import { hashApiKey, type KeyUsage, type KnownKeys } from './api-keys.js';
import { TokenRefusal } from './verify-token.js';
import type { Viewer } from './viewer.js';

/** Turns an Authorization header into a viewer. Throws UNAUTHENTICATED for whatever is not a good credential; of a token it says why. */
export type Authenticate = (authorization: string) => Promise<Viewer>;

/** The viewer of a credential; null for a bad one. */
export type Identify = (credential: string) => Promise<Viewer | null>;

const keyPattern = /^(?:Basic|Bearer) +(cck_[\x21-\x7e]{1,256})$/i;
const tokenPattern = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;
const maxTokenLength = 8_192;

/** Accepts `Basic <key>`, `Bearer <key>` and, where `identifyToken` is given, `Bearer <JSON Web Token>`. */
export function createAuthenticate(deps: {
  identifyKey: Identify;
  identifyToken: Identify | null;
}): Authenticate {
  return async (authorization) => {
    const viewer = await identify(deps, authorization);
    if (!viewer) throw new AttachmentError('UNAUTHENTICATED');
    return viewer;
  };
}

async function identify(
  { identifyKey, identifyToken }: Parameters<typeof createAuthenticate>[0],
  authorization: string,
): Promise<Viewer | null> {
  const key = keyPattern.exec(authorization)?.[1];
  if (key !== undefined) return identifyKey(key);
  if (!identifyToken || !/^Bearer /i.test(authorization)) return null;
  if (authorization.length > maxTokenLength) throw new TokenRefusal('token_too_long');
  const token = tokenPattern.exec(authorization)?.[1];
  if (token === undefined) throw new TokenRefusal('token_malformed');
  return identifyToken(token);
}

/** A request that wants in. */
export interface Admission {
  /** As the Authorization header has it. */
  authorization: string;
  /** The client's IP address. */
  address: string;
  /** Told how much of its rate the credential has used up, be the request admitted or not. */
  tell?(rate: Rate): void;
}

/** Throws UNAUTHENTICATED for a bad credential, RATE_LIMITED for one used too often, or from an address of too many bad ones. */
export type Admit = (admission: Admission) => Promise<Viewer>;

export interface AdmitDependencies {
  authenticate: Authenticate;
  /** Counts the requests of each principal; null for no limit. */
  requests: RateLimiter | null;
  /** Counts the bad credentials of each address; null for no limit. */
  failures: NetworkRate | null;
}

/** The one way in for whoever has a credential, over whatever protocol. */
export function createAdmit({ authenticate, requests, failures }: AdmitDependencies): Admit {
  const identify = failures
    ? guardLogins(authenticate, failures)
    : ({ authorization }: Admission) => authenticate(authorization);
  return async (admission) => {
    const viewer = await identify(admission);
    const rate = await requests?.count(principalKey(viewer.organizationId, viewer.principal.id));
    if (rate) admission.tell?.(rate);
    if (rate?.isExceeded) {
      throw rateLimited(
        rate,
        `At most ${rate.limit} requests a minute are answered for one credential.`,
        'too_many_requests',
      );
    }
    return viewer;
  };
}

/** How many good credentials keep working, and how long, from an address that others have spoilt. */
const rememberedGood = { max: 10_000, ttl: 600_000 };

/** As the Authorization header has it, and the client's IP address. */
export interface Login {
  authorization: string;
  address: string;
}

/**
 * Past the limit of bad credentials, an address can use only those that have been good lately. So nobody can shut out others
 * behind the same proxy, and nobody can keep the database busy by guessing. No more credentials of an address are looked at
 * at once than may still be bad: guesses that come together are counted one by one like any others.
 */
function guardLogins(authenticate: Authenticate, failures: NetworkRate): (login: Login) => Promise<Viewer> {
  const good = new LRUCache<string, true>(rememberedGood);
  const turns = new LoginTurns(failures);
  return async ({ authorization, address }) => {
    const hash = createHash('sha256').update(authorization).digest('base64url');
    const identify = async () => {
      try {
        const viewer = await authenticate(authorization);
        good.set(hash, true);
        return viewer;
      } catch (error) {
        good.delete(hash);
        if (error instanceof AttachmentError && error.code === 'UNAUTHENTICATED')
          await failures.count(address);
        throw error;
      }
    };
    return good.has(hash) ? identify() : turns.run(address, identify);
  };
}

/** Credentials of one network that nobody knows yet. */
interface Attempts {
  /** Requests that hold this object. */
  holders: number;
  underWay: number;
  ended: number;
  waiting: (() => void)[];
}

class LoginTurns {
  readonly #failures: NetworkRate;
  readonly #attempts = new Map<string, Attempts>();

  constructor(failures: NetworkRate) {
    this.#failures = failures;
  }

  /** Runs `work` once all attempts under way may fail without passing a limit. Throws RATE_LIMITED if none is left. */
  async run<T>(address: string, work: () => Promise<T>): Promise<T> {
    const keys = networksOf(address).map(({ key }) => key);
    const networks = keys.map((key) => this.#hold(key));
    try {
      await this.#turn(address, networks);
      try {
        return await work();
      } finally {
        for (const network of networks) end(network);
      }
    } finally {
      for (const key of keys) this.#letGo(key);
    }
  }

  /** Takes a place in each network as soon as one is free in all of them. */
  async #turn(address: string, networks: readonly Attempts[]): Promise<void> {
    const endedOf = () => networks.reduce((sum, { ended }) => sum + ended, 0);
    for (;;) {
      const endedBefore = endedOf();
      const free = await this.#free(address);
      // Failures since the look may not be in that count.
      if (endedOf() !== endedBefore) continue;
      const full = networks.filter(({ underWay }) => underWay >= free);
      if (full.length === 0) break;
      await new Promise<void>((resolve) => {
        for (const { waiting } of full) waiting.push(resolve);
      });
    }
    for (const network of networks) network.underWay += 1;
  }

  async #free(address: string): Promise<number> {
    const { limit } = this.#failures;
    const rate = await this.#failures.look(address);
    if (rate?.remaining !== 0) return Math.min(limit, rate?.remaining ?? limit);
    throw rateLimited(rate, 'Too many bad credentials came from this address.', 'too_many_failed_logins');
  }

  #hold(key: string): Attempts {
    const attempts = this.#attempts.get(key) ?? { holders: 0, underWay: 0, ended: 0, waiting: [] };
    attempts.holders += 1;
    this.#attempts.set(key, attempts);
    return attempts;
  }

  #letGo(key: string): void {
    const attempts = this.#attempts.get(key);
    if (attempts === undefined) return;
    attempts.holders -= 1;
    if (attempts.holders === 0) this.#attempts.delete(key);
  }
}

function end(attempts: Attempts): void {
  attempts.underWay -= 1;
  attempts.ended += 1;
  for (const resume of attempts.waiting.splice(0)) resume();
}

interface KeyDependencies {
  keys: KnownKeys;
  usage: KeyUsage;
}

/** The viewer of a key; null if it is unknown, revoked or expired. */
export function createIdentifyKey({ keys, usage }: KeyDependencies): Identify {
  return async (key) => {
    const known = await keys.byHash(hashApiKey(key));
    if (!known) return null;
    usage.note(known.id);
    return known.viewer;
  };
}
