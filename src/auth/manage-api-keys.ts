import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Database } from '../database/database.js';
import { ApiKeyRow, OrganizationRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { lockTable } from '../database/row-locks.js';
import { In, IsNull } from '../database/typeorm.js';
import { errorTable, Faults, fault } from '../errors.js';
import { newId } from '../new-id.js';
import { generateApiKey, hashApiKey, storeApiKey } from './api-keys.js';
import { isCleanText, maxTextLength } from './identify.js';
import { type Permission, permissions, type Viewer } from './viewer.js';

/** A stored key, and the key itself, which nobody can read again. */
export interface CreatedApiKey {
  row: ApiKeyRow;
  key: string;
}

/**
 * Makes a key of the viewer's organization. Throws BAD_USER_INPUT for an unknown permission, a bad name or a past
 * expiry, FORBIDDEN for a permission that the viewer does not have.
 */
export async function createApiKey(
  { database, clock }: { database: Database; clock: () => Date },
  { organizationId, principal, permissions: givable }: Viewer,
  input: NewApiKey,
): Promise<CreatedApiKey> {
  const createdAt = clock();
  checkNewApiKey(input, givable, createdAt);
  const key = generateApiKey();
  const permissions = [...new Set(input.permissions)];
  const toStore = { ...input, permissions, key, organizationId, createdBy: principal, createdAt };
  const row = await database.write((manager) => storeApiKey(manager, toStore));
  return { row, key };
}

const order = 'API_KEYS';

/** One page of an organization's keys, revoked and expired ones too, the newest first. Throws BAD_USER_INPUT for a bad cursor. */
export function listApiKeys(
  read: EntityManager,
  organizationId: string,
  request: PageRequest,
): Promise<Page<ApiKeyRow>> {
  return readPage(request, { order, positionOf: ({ id }) => ({ value: 0, id }) }, (stretch) =>
    findNewestFirst(read, ApiKeyRow, read.createQueryBuilder(ApiKeyRow, 'key').where({ organizationId }), {
      columns: [['key.id', 'key.id']],
      stretch,
    }),
  );
}

export function countApiKeys(read: EntityManager, organizationId: string): Promise<Total> {
  return countRows(read, read.createQueryBuilder(ApiKeyRow, 'key').where({ organizationId }));
}

/** The organization's keys among these, in no order. */
export async function readApiKeys(
  read: EntityManager,
  organizationId: string,
  ids: readonly string[],
): Promise<ApiKeyRow[]> {
  if (ids.length === 0) return [];
  return read.findBy(ApiKeyRow, { organizationId, id: In([...ids]) });
}

interface RevocationDependencies {
  database: Database;
  clock: () => Date;
  /** Called after the commit. */
  onKeyRevoked?(keyId: string): void;
}

/**
 * Ends a key: at once for whoever hears `onKeyRevoked`, within a second in every process. One that was revoked before keeps the instant of that. Throws
 * NOT_FOUND where the viewer's organization (without a viewer: any) has no such key.
 */
export async function revokeApiKey(
  { database, clock, onKeyRevoked }: RevocationDependencies,
  viewer: Pick<Viewer, 'organizationId' | 'principal'> | null,
  id: string,
): Promise<ApiKeyRow> {
  const key = viewer === null ? { id } : { organizationId: viewer.organizationId, id };
  const revokedAt = clock();
  const row = await database.write(async (manager) => {
    const { affected } = await manager.update(ApiKeyRow, { ...key, revokedAt: IsNull() }, { revokedAt });
    const revoked = await manager.findOneBy(ApiKeyRow, key);
    if (revoked && affected === 1) {
      const actor = { organizationId: revoked.organizationId, principal: viewer?.principal ?? null };
      await recordEvent(manager, actor, { action: 'API_KEY_REVOKED', subjectId: id, at: revokedAt });
    }
    return revoked;
  });
  if (row) {
    onKeyRevoked?.(id);
    return row;
  }
  throw fault('not_found', ['input', 'id'], errorTable.NOT_FOUND.message);
}

/** A key to create: its name, permissions and end. It never expires if `expiresAt` is null. */
export interface NewApiKey {
  name: string;
  permissions: readonly string[];
  expiresAt: Date | null;
}

export const maxPermissions = 20;

/** Throws every fault of `input` at once; nobody can give a key a permission that is not in `givable`. */
export function checkNewApiKey(input: NewApiKey, givable: ReadonlySet<Permission>, now: Date): void {
  const faults = new Faults();
  if (!isCleanText(input.name)) {
    const msg = 'Must be 1 to 255 characters, without control characters.';
    faults.add('invalid_name', ['input', 'name'], msg, { limit: maxTextLength });
  }
  checkPermissions(faults, input.permissions, givable);
  if (input.expiresAt && !(input.expiresAt > now)) {
    faults.add('not_in_future', ['input', 'expiresAt'], 'Must lie in the future.');
  }
  faults.throwIfAny();
}

function checkPermissions(faults: Faults, names: readonly string[], givable: ReadonlySet<Permission>): void {
  if (names.length > maxPermissions) {
    const msg = `Must be at most ${maxPermissions} names.`;
    faults.add('too_many', ['input', 'permissions'], msg, { limit: maxPermissions });
    return;
  }
  for (const [index, name] of names.entries()) {
    const permission = permissions.find((known) => known === name);
    const loc = ['input', 'permissions', index];
    if (permission === undefined) {
      const msg = `Must be one of ${permissions.join(', ')}.`;
      faults.add('unknown_permission', loc, msg);
    } else if (!givable.has(permission)) {
      const msg = `The credential lacks the permission ${permission}, so it cannot give it to a key.`;
      faults.add('missing_permission', loc, msg);
    }
  }
}

/** The state of the first key once a start has looked for it. */
export type FirstApiKey =
  /** This start has made it. Nobody can read it again. Null: it is the operator's, who knows it. */
  | { state: 'made'; key: string | null }
  /** The only key of the database has never been used, so perhaps nobody has it: a start may end before it shows its key. */
  | { state: 'unused'; id: string; madeAt: Date; isGivenRefused: boolean }
  /** The operator names a key that this database does not have: it has had others before. */
  | { state: 'not-taken' }
  | { state: 'known' };

/**
 * Makes the first organization and its key, with all permissions, if the database has no key yet. Of several processes that
 * start at once exactly one makes it.
 */
export async function createFirstApiKey(
  { database, clock }: { database: Database; clock: () => Date },
  given: string | null,
): Promise<FirstApiKey> {
  const key = given ?? generateApiKey();
  return database.write(async (manager) => {
    await lockTable(manager, ApiKeyRow);
    const [first, second] = await manager.find(ApiKeyRow, { order: { id: 'ASC' }, take: 2 });
    if (first) {
      const isKnown = given !== null && (await manager.existsBy(ApiKeyRow, { hash: hashApiKey(given) }));
      if (isKnown) return { state: 'known' };
      const { id, createdAt: madeAt, lastUsedAt } = first;
      if (!second && lastUsedAt === null)
        return { state: 'unused', id, madeAt, isGivenRefused: given !== null };
      return { state: given === null ? 'known' : 'not-taken' };
    }
    const createdAt = clock();
    const organizationId = newId();
    await insertRow(manager, OrganizationRow, { id: organizationId, name: 'default', createdAt });
    const bootstrap = { key, organizationId, createdBy: null, name: 'bootstrap', permissions };
    await storeApiKey(manager, { ...bootstrap, createdAt, expiresAt: null });
    return { state: 'made', key: given === null ? key : null };
  });
}
