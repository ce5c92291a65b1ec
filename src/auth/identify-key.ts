import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { PrincipalRow } from '../database/entities/principal.js';
import { hashApiKey } from './api-keys.js';
import type { Identify } from './authenticate.js';
import type { KeyUsage } from './key-usage.js';
import { toPermissions, type Viewer } from './viewer.js';

/** So long a key may still be good after it was revoked, in return for not asking the database at each request. */
const cacheMs = 1_000;

interface KnownKey {
  id: string;
  viewer: Viewer;
  expiresAt: Date | null;
}

interface KeyDependencies {
  database: Database;
  clock: () => Date;
  usage: KeyUsage;
}

/** Whose a key is; null for one that is unknown, revoked or expired. Keys are found by their hash: no secrets are compared. */
export function createIdentifyKey({ database, clock, usage }: KeyDependencies): Identify {
  const cache = new LRUCache<string, KnownKey>({ max: 10_000, ttl: cacheMs });
  return async (key) => {
    const hash = hashApiKey(key);
    const known = cache.get(hash) ?? (await readKey(database, hash));
    if (!known || (known.expiresAt && known.expiresAt <= clock())) return null;
    if (!cache.has(hash)) cache.set(hash, known);
    usage.note(known.id);
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
    id: row.id,
    viewer: {
      principal: { id, kind, name },
      organizationId,
      permissions: toPermissions(row.permissions),
    },
    expiresAt,
  };
}
