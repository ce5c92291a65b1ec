import type { NetworkRate } from '../limits/network-rate.js';
import { principalKey, type Rate, type RateLimiter, rateLimited } from '../limits/rate-limiter.js';
import type { Authenticate } from './authenticate.js';
import { guardLogins } from './guard-logins.js';
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
