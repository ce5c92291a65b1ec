import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { PrincipalRow } from '../database/entities/organization.js';
import { readJoined } from '../database/read-rows.js';
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
  isKeyGood(id: string): Promise<boolean>;
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
    isKeyGood: async (id) => (await find(`id ${id}`, { id })) !== null,
  };
}

async function readKey(
  { read }: Pick<Database, 'read'>,
  where: { hash: string } | { id: string },
): Promise<KnownKey | null> {
  const [column, value] = 'hash' in where ? ['hash', where.hash] : ['id', where.id];
  const [found] = await readJoined(
    read,
    { key: ApiKeyRow, principal: PrincipalRow },
    (sql) => `FROM api_keys key JOIN principals principal
        ON principal.organization_id = key.organization_id AND principal.id = key.principal_id
      WHERE key.${column} = ${sql.add(value)}`,
  );
  if (!found || found.key.revokedAt) return null;
  const { key, principal } = found;
  const { organizationId, expiresAt } = key;
  const { id, kind, name } = principal;
  return {
    id: key.id,
    viewer: {
      principal: { id, kind, name },
      organizationId,
      permissions: toPermissions(key.permissions),
      keyId: key.id,
    },
    expiresAt,
  };
}
