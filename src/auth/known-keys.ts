import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { PrincipalRow } from '../database/entities/organization.js';
import type { KeyRevocations } from './key-revocations.js';
import { toPermissions, type Viewer } from './viewer.js';

/** How long a key that another process has revoked may still work. In return, not every request asks the database. */
const cacheMs = 1_000;

/** A key that is neither revoked nor expired. */
export interface KnownKey {
  id: string;
  viewer: Viewer;
  expiresAt: Date | null;
}

/** Finds keys that are good now; null for one that is unknown, revoked or expired. */
export interface KnownKeys {
  /** By the sha256 of the key: no secrets are compared. */
  byHash(hash: string): Promise<KnownKey | null>;
  byId(id: string): Promise<KnownKey | null>;
}

interface KeyDependencies {
  database: Database;
  clock: () => Date;
  revocations: KeyRevocations;
}

export function createKnownKeys({ database: { read }, clock, revocations }: KeyDependencies): KnownKeys {
  const cache = new LRUCache<string, KnownKey>({ max: 20_000, ttl: cacheMs });
  const isGood = ({ id, expiresAt }: KnownKey) =>
    !revocations.has(id) && (expiresAt === null || expiresAt > clock());
  const find = async (cacheKey: string, where: { hash: string } | { id: string }) => {
    const cached = cache.get(cacheKey);
    const known = cached ?? (await readKey({ read }, where));
    if (!known || !isGood(known)) return null;
    if (!cached) {
      cache.set(cacheKey, known);
      cache.set(`id ${known.id}`, known);
    }
    return known;
  };
  return {
    byHash: (hash) => find(`hash ${hash}`, { hash }),
    byId: (id) => find(`id ${id}`, { id }),
  };
}

async function readKey(
  { read }: Pick<Database, 'read'>,
  where: { hash: string } | { id: string },
): Promise<KnownKey | null> {
  const row = await read.findOneBy(ApiKeyRow, where);
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
      keyId: row.id,
    },
    expiresAt,
  };
}
