import { hash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import { createBoundedCache } from '../bounded-cache.js';
import type { Database } from '../database/database.js';
import { ApiKeyRow, PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { readJoined } from '../database/read-rows.js';
import { newId } from '../new-id.js';
import { toPermissions, type Viewer } from './viewer.js';

/** `cck_` and the first 8 characters of the secret: enough to tell keys apart, and at least 24 stay unknown. */
const prefixLength = 12;

/** Keys have 256 random bits, so one fast hash is enough: there is nothing to guess. */
export function hashApiKey(key: string): string {
  return hash('sha256', key, 'hex');
}

export function generateApiKey(): string {
  return `cck_${randomBytes(32).toString('base64url')}`;
}

/** A key to be stored, by its hash only. */
export interface KeyToStore {
  key: string;
  organizationId: string;
  /** Null: the operator. */
  createdBy: { id: string } | null;
  name: string;
  permissions: readonly string[];
  createdAt: Date;
  expiresAt: Date | null;
}

/** Stores a key, with a service account of its own that has the key's name. */
export async function storeApiKey(
  manager: EntityManager,
  { key, organizationId, createdBy, name, permissions, createdAt, expiresAt }: KeyToStore,
): Promise<ApiKeyRow> {
  const principalId = newId();
  const row: ApiKeyRow = {
    id: newId(),
    organizationId,
    principalId,
    name,
    prefix: key.slice(0, prefixLength),
    hash: hashApiKey(key),
    permissions: [...permissions],
    createdAt,
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
  };
  await insertRow(manager, PrincipalRow, { organizationId, id: principalId, kind: 'SERVICE', name });
  await insertRow(manager, ApiKeyRow, row);
  const creation = { action: 'API_KEY_CREATED', subjectId: row.id, at: createdAt } as const;
  const actor = { organizationId, principal: createdBy };
  await recordEvent(manager, actor, { ...creation, details: { name, permissions } });
  return row;
}

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
  const cache = createBoundedCache<KnownKey>(20_000, { ttl: cacheMs });
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

type Listener = (keyId: string) => void;

/**
 * The API keys that were revoked lately, here or, as far as they have been heard, in other processes. A key that is revoked
 * stays so, hence whoever finds it here need not ask the database. Whatever joins processes sends what `relayTo` gives it, and
 * calls `deliver` with what it receives.
 */
export class KeyRevocations {
  readonly #revoked = createBoundedCache<true>(10_000);
  readonly #listeners = new Set<Listener>();
  #relay: Listener = () => {};

  /** To be called after the commit. */
  publish(keyId: string): void {
    this.deliver(keyId);
    this.#relay(keyId);
  }

  /** Tells listeners here of what has been revoked elsewhere. */
  deliver(keyId: string): void {
    this.#revoked.set(keyId, true);
    for (const listener of [...this.#listeners]) listener(keyId);
  }

  /** Whether this key is known to be revoked; false for most that are. */
  has(keyId: string): boolean {
    return this.#revoked.has(keyId);
  }

  /** Has everything that is published here sent on, too. */
  relayTo(relay: Listener): void {
    this.#relay = relay;
  }

  /** The result ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Remembers when keys were used, without a write for each request. */
export interface KeyUsage {
  note(keyId: string): void;
  /** Writes what is not written yet, and ends. */
  close(): Promise<void>;
}

interface KeyUsageDependencies {
  database: Database;
  clock: () => Date;
  /** Told of uses that could not be written; the key's next use makes up for it. */
  onUsageLost(error: unknown): void;
}

/** Each key's use is written this often at most. */
const intervalMs = 60_000;
const maxKeys = 10_000;

export function createKeyUsage({ database, clock, onUsageLost }: KeyUsageDependencies): KeyUsage {
  const writtenAt = createBoundedCache<Date>(maxKeys);
  const unwritten = new Map<string, Date>();
  let writing: Promise<void> = Promise.resolve();

  const isDue = (keyId: string, now: Date) =>
    now.getTime() - (writtenAt.get(keyId)?.getTime() ?? Number.NEGATIVE_INFINITY) >= intervalMs;
  const write = (uses: [string, Date][]) => {
    for (const [keyId, usedAt] of uses) {
      unwritten.delete(keyId);
      writtenAt.set(keyId, usedAt);
    }
    if (uses.length > 0) writing = writing.then(() => writeUses(database, uses)).catch(onUsageLost);
  };
  const timer = setInterval(() => {
    const now = clock();
    write([...unwritten].filter(([keyId]) => isDue(keyId, now)));
  }, intervalMs / 6);
  timer.unref();

  return {
    note(keyId) {
      const now = clock();
      if (isDue(keyId, now)) write([[keyId, now]]);
      else if (unwritten.size < maxKeys || unwritten.has(keyId)) unwritten.set(keyId, now);
    },
    async close() {
      clearInterval(timer);
      write([...unwritten]);
      await writing;
    },
  };
}

async function writeUses(database: Database, uses: readonly [string, Date][]): Promise<void> {
  await database.write(async (manager) => {
    for (const [id, lastUsedAt] of uses) await manager.update(ApiKeyRow, { id }, { lastUsedAt });
  });
}
