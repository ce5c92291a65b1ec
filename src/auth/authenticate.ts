import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { PrincipalRow } from '../database/entities/principal.js';
import { AttachmentError } from '../errors.js';
import { hashApiKey } from './api-keys.js';
import { type Permission, permissions, type Viewer } from './viewer.js';

/** Turns an Authorization header into a viewer. Throws UNAUTHENTICATED for whatever is not a good credential. */
export type Authenticate = (authorization: string) => Promise<Viewer>;

/** So long a key may still be good after it was revoked, in return for not asking the database at each request. */
const cacheMs = 1_000;

const credentialPattern = /^(?:Basic|Bearer) +(cck_[\x21-\x7e]{1,256})$/i;

interface KnownKey {
  viewer: Viewer;
  expiresAt: Date | null;
}

/** Accepts `Basic <key>` and `Bearer <key>`. Keys are found by their hash, so no comparison of secrets takes place. */
export function createAuthenticate({
  database,
  clock,
}: {
  database: Database;
  clock: () => Date;
}): Authenticate {
  const cache = new LRUCache<string, KnownKey>({ max: 10_000, ttl: cacheMs });
  return async (authorization) => {
    const key = credentialPattern.exec(authorization)?.[1];
    const hash = key && hashApiKey(key);
    const known = hash ? (cache.get(hash) ?? (await readKey(database, hash))) : null;
    if (!hash || !known || (known.expiresAt && known.expiresAt <= clock())) {
      throw new AttachmentError('UNAUTHENTICATED');
    }
    if (!cache.has(hash)) cache.set(hash, known);
    return known.viewer;
  };
}

async function readKey({ read }: Database, hash: string): Promise<KnownKey | null> {
  const row = await read.findOneBy(ApiKeyRow, { hash });
  if (!row || row.revokedAt) return null;
  const { organizationId, principalId, expiresAt } = row;
  const principal = await read.findOneByOrFail(PrincipalRow, { organizationId, id: principalId });
  const { id, kind, name } = principal;
  return {
    viewer: { principal: { id, kind, name }, organizationId, permissions: known(row.permissions) },
    expiresAt,
  };
}

function known(names: readonly string[]): ReadonlySet<Permission> {
  return new Set(permissions.filter((permission) => names.includes(permission)));
}
