import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { AttachmentError } from '../errors.js';
import { principalKey } from '../limits/principal-key.js';
import { type Rate, type RateLimiter, secondsToReset } from '../limits/rate-limiter.js';
import type { Authenticate } from './authenticate.js';
import type { Viewer } from './viewer.js';

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
  failures: RateLimiter | null;
}

/** So long, and so many, good credentials keep working from an address that others have spoilt. */
const rememberedGood = { max: 10_000, ttl: 600_000 };

/** The one way in for whoever has a credential, over whatever protocol. */
export function createAdmit({ authenticate, requests, failures }: AdmitDependencies): Admit {
  const identify = failures
    ? guard(authenticate, failures)
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

/**
 * Past the limit of bad credentials, an address can use only those that have been good lately. So nobody can shut out others
 * behind the same proxy, and nobody can keep the database busy by guessing.
 */
function guard(authenticate: Authenticate, failures: RateLimiter): (admission: Admission) => Promise<Viewer> {
  const good = new LRUCache<string, true>(rememberedGood);
  return async ({ authorization, address }) => {
    const hash = createHash('sha256').update(authorization).digest('base64url');
    const network = networkOf(address);
    const rate = good.has(hash) ? null : await failures.look(network);
    if (rate?.remaining === 0) {
      throw rateLimited(rate, 'Too many bad credentials came from this address.', 'too_many_failed_logins');
    }
    try {
      const viewer = await authenticate(authorization);
      good.set(hash, true);
      return viewer;
    } catch (error) {
      good.delete(hash);
      if (error instanceof AttachmentError && error.code === 'UNAUTHENTICATED') await failures.count(network);
      throw error;
    }
  };
}

function rateLimited(rate: Rate, msg: string, type: string): AttachmentError {
  const details = [{ loc: ['headers', 'authorization'], msg, type }];
  const retryAfterSeconds = secondsToReset(rate);
  return new AttachmentError('RATE_LIMITED', { message: msg, limit: rate.limit, retryAfterSeconds, details });
}

/** What a proxy says may be anything. */
const maxAddressLength = 64;

/** Whom an address stands for: itself, or the /64 of an IPv6 address, since one client has all of that. */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%', 1);
  if (!ipaddr.isValid(plain)) return address.slice(0, maxAddressLength);
  const parsed = ipaddr.process(plain);
  return parsed.kind() === 'ipv4' ? parsed.toString() : parsed.toByteArray().slice(0, 8).join('.');
}
