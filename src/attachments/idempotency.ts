import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { IdempotencyKeyRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { purgeRows } from '../database/purge-rows.js';
import { lockRows } from '../database/row-locks.js';
import { before, In } from '../database/typeorm.js';
import { type AttachmentError, checkCharacters, type Faults, fault } from '../errors.js';
import { findAttachment, type StoredAttachment } from '../model/stored-attachment.js';

/** How long a retry finds the attachment of the first request. */
const lifetimeMs = 24 * 60 * 60 * 1_000;

const maxKeyLength = 255;

const endOfUse = (now: Date) => new Date(now.getTime() - lifetimeMs);

/** For `where`: keys that no retry can come to use any more. */
export const isOutlived = (now: Date) => ({ createdAt: before(endOfUse(now)) });

export interface Creation {
  idempotencyKey: string;
  /** Everything that the client asked for, its content by hash. */
  input: unknown;
  attachmentId: string;
  now: Date;
}

/** Notes a fault of `input.idempotencyKey`. */
export function checkIdempotencyKey(faults: Faults, key: string): void {
  checkCharacters(faults, key, ['input', 'idempotencyKey']);
  if (key.length > 0 && key.length <= maxKeyLength) return;
  const msg = `Must have from 1 to ${maxKeyLength} characters.`;
  faults.add('out_of_range', ['input', 'idempotencyKey'], msg, { limit: maxKeyLength });
}

/**
 * Remembers, inside the transaction that creates it, what is created under a key. Returns what the same principal has created
 * under it before, from the same input; it stays until that transaction ends. Null: there is none, or it has been deleted, and
 * this is the first. Throws IDEMPOTENCY_CONFLICT if the input was another.
 */
export async function findCreation(
  manager: EntityManager,
  viewer: Viewer,
  { idempotencyKey, input, attachmentId, now }: Creation,
): Promise<StoredAttachment | null> {
  const key = keyOf(viewer, idempotencyKey);
  const first = await takeKey(manager, key, input, { attachmentId, createdAt: now, unfinished: false });
  if (first.attachmentId === attachmentId) return null;
  // A deletion has either been committed, or waits until the retry has its answer.
  await lockRows(manager, AttachmentRow, [first.attachmentId], 'SHARE');
  const earlier = await findAttachment(manager, viewer, first.attachmentId);
  const { organizationId } = key;
  if (earlier === null)
    await manager.update(IdempotencyKeyRow, { ...key, organizationId }, { attachmentId, createdAt: now });
  return earlier;
}

/** Whether something has been created, or is remembered to have been, under one of these keys. */
export async function isAnyKnown(
  manager: EntityManager,
  { organizationId, principal }: Viewer,
  keys: readonly (string | null)[],
): Promise<boolean> {
  const given = keys.filter((key) => key !== null);
  if (given.length === 0) return false;
  return manager.existsBy(IdempotencyKeyRow, { organizationId, principalId: principal.id, key: In(given) });
}

/** An operation that takes several transactions. */
export interface Steps {
  id: string;
  at: Date;
  /** Whether its last step has been committed. */
  isOver: boolean;
}

interface Keyed {
  idempotencyKey: string | null;
  input: unknown;
}

/**
 * To be called in each transaction of an operation that may take several, of which only one at a time goes on then. Returns the
 * first operation under the key, or `own` if there is none, or no key. Throws IDEMPOTENCY_CONFLICT if the input was another.
 */
export async function beginSteps(
  manager: EntityManager,
  viewer: Viewer,
  { idempotencyKey, input }: Keyed,
  own: Omit<Steps, 'isOver'>,
): Promise<Steps> {
  if (idempotencyKey === null) return { ...own, isOver: false };
  const fresh = { attachmentId: own.id, createdAt: own.at, unfinished: true };
  const first = await takeKey(manager, keyOf(viewer, idempotencyKey), input, fresh);
  return { id: first.attachmentId, at: first.createdAt, isOver: !first.unfinished };
}

/** To be called in the last one. */
export async function endSteps(
  manager: EntityManager,
  viewer: Viewer,
  { idempotencyKey }: Pick<Keyed, 'idempotencyKey'>,
): Promise<void> {
  if (idempotencyKey === null) return;
  const { organizationId, ...key } = keyOf(viewer, idempotencyKey);
  await manager.update(IdempotencyKeyRow, { ...key, organizationId }, { unfinished: false });
}

type Key = Pick<IdempotencyKeyRow, 'organizationId' | 'principalId' | 'key'>;

const keyOf = ({ organizationId, principal }: Viewer, key: string): Key => ({
  organizationId,
  principalId: principal.id,
  key,
});

/** The row of a key, which is `fresh` if there is none, kept from others until the transaction ends. */
async function takeKey(
  manager: EntityManager,
  key: Key,
  input: unknown,
  fresh: Pick<IdempotencyKeyRow, 'attachmentId' | 'createdAt' | 'unfinished'>,
): Promise<IdempotencyKeyRow> {
  const { organizationId } = key;
  const fingerprint = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  await manager.delete(IdempotencyKeyRow, { ...key, organizationId, ...isOutlived(fresh.createdAt) });
  const row = { ...key, fingerprint, ...fresh };
  // The cleaning may take an outlived key away between the two.
  do await insertRow(manager, IdempotencyKeyRow, row, { orIgnore: true });
  while (!(await lockKey(manager, key)));
  const first = await manager.findOneByOrFail(IdempotencyKeyRow, { ...key, organizationId });
  if (first.fingerprint !== fingerprint) throw conflict();
  return first;
}

/** An update that changes nothing takes the row's lock: of several retries at once each sees what the one before has made. */
async function lockKey(manager: EntityManager, key: Key): Promise<boolean> {
  const { organizationId } = key;
  const unchanged = { attachmentId: () => 'attachment_id' };
  const { affected } = await manager.update(IdempotencyKeyRow, { ...key, organizationId }, unchanged);
  return affected === 1;
}

/** Forgets keys that have outlived their use. */
export async function forgetCreations(database: Database, now: Date): Promise<void> {
  await purgeRows(database, IdempotencyKeyRow, 'createdAt', endOfUse(now).getTime());
}

function conflict(): AttachmentError {
  const loc = ['input', 'idempotencyKey'];
  return fault('idempotency_conflict', loc, 'This key was used with other input.');
}
