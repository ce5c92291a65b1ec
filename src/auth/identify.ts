import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { hashApiKey } from './api-keys.js';
import type { Identify } from './authenticate.js';
import type { EnsureUser } from './ensure-user.js';
import type { KeyUsage } from './key-usage.js';
import type { KnownKeys } from './known-keys.js';
import { isCleanText, toOrganizationId } from './organizations.js';
import { TokenRefusal } from './token-refusal.js';
import { clockSkewSeconds, type VerifyToken } from './verify-token.js';
import { toPermissions, type Viewer } from './viewer.js';

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

/** How long a token's signature counts as verified, unless it expires before. */
const cacheMs = 60_000;

interface KnownToken {
  viewer: Viewer;
  expiresAt: number;
}

interface IdentityDependencies {
  verify: VerifyToken;
  meet: EnsureUser;
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
    await meet(viewer);
    cache.set(hash, { viewer, expiresAt: expiryOf(claims) });
    return viewer;
  };
}

function expiryOf({ exp = 0 }: JWTPayload): number {
  return (exp + clockSkewSeconds) * 1_000;
}

/**
 * Who a verified token speaks for: `sub` is the principal, `org` the organization's id, `permissions`, `scope` or `scp` what it
 * may do. Names that are not permissions of ours are passed over, as a token may be good for several services. Throws
 * TokenRefusal for a claim that is not of its form.
 */
function readClaims(claims: JWTPayload): Viewer {
  const { sub, org, name } = claims;
  const organizationId = typeof org === 'string' ? toOrganizationId(org) : null;
  const names = readPermissions(claims);
  if (!isCleanText(sub)) throw new TokenRefusal('token_claim_invalid', { claim: 'sub' });
  if (organizationId === null) throw new TokenRefusal('token_claim_invalid', { claim: 'org' });
  return {
    principal: { id: sub, kind: 'USER', name: isCleanText(name) ? name : null },
    organizationId,
    permissions: toPermissions(names),
    keyId: null,
  };
}

/** Issuers differ in which of these they write, and each of them in how. The first that is there counts alone. */
const permissionClaims = ['permissions', 'scope', 'scp'] as const;

function readPermissions(claims: JWTPayload): readonly unknown[] {
  const claim = permissionClaims.find((name) => (claims[name] ?? null) !== null);
  if (claim === undefined) return [];
  const names = claims[claim];
  const listed: unknown[] | null = Array.isArray(names) ? names : typeof names === 'string' ? [names] : null;
  if (listed === null) throw new TokenRefusal('token_claim_invalid', { claim });
  // Some issuers put a text of several words into an array.
  return listed.flatMap((words) => (typeof words === 'string' ? words.split(/\s+/) : [words]));
}
