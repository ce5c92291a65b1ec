import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Identify } from './authenticate.js';
import type { MeetPrincipal } from './meet-principal.js';
import { readClaims } from './read-claims.js';
import { TokenRefusal } from './token-refusal.js';
import { clockSkewSeconds, type VerifyToken } from './verify-token.js';
import type { Viewer } from './viewer.js';

/** So long a token's signature is taken as verified; less where it expires before. */
const cacheMs = 60_000;

interface KnownToken {
  viewer: Viewer;
  expiresAt: number;
}

interface IdentityDependencies {
  verify: VerifyToken;
  meet: MeetPrincipal;
  clock: () => Date;
}

/** The viewer of a JSON Web Token. Throws TokenRefusal for one that is no good. */
export function createIdentifyToken({ verify, meet, clock }: IdentityDependencies): Identify {
  const cache = new LRUCache<string, KnownToken>({ max: 10_000, ttl: cacheMs });
  return async (token) => {
    const hash = createHash('sha256').update(token).digest('base64url');
    const known = cache.get(hash);
    if (known && known.expiresAt > clock().getTime()) return known.viewer;
    const claims = await verify(token);
    const viewer = readClaims(claims);
    if (!(await meet(viewer))) throw new TokenRefusal('token_service_account');
    cache.set(hash, { viewer, expiresAt: expiryOf(claims) });
    return viewer;
  };
}

function expiryOf({ exp = 0 }: JWTPayload): number {
  return (exp + clockSkewSeconds) * 1_000;
}
