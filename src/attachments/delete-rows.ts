import type { EntityManager } from 'typeorm';
import { type Actor, recordEvent, recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { moveFromTrash, moveToTrash } from '../database/attachment-rows.js';
import type { Database } from '../database/database.js';
import {
  type AttachmentRow,
  type StoredPlace,
  TrashedAttachmentRow,
} from '../database/entities/attachment.js';
import { type LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { IntakeRow, RemovalRow } from '../database/entities/stored-bytes.js';
import { lockTrashed } from '../database/lock-order.js';
import { changeRows, readRows } from '../database/read-rows.js';
import { In, MoreThan } from '../database/typeorm.js';
import type { Write } from '../database/write-queue.js';
import { unlinkEverywhere } from '../links/link-attachments.js';
import type { Changes } from '../model/changes.js';
import { maxPlaces } from '../model/record.js';
import {
  notFound,
  readTrashed,
  type StoredAttachment,
  tableName,
  tableOf,
} from '../model/stored-attachment.js';
import { deleteUnusedBlobs, deleteVersions, lockBlobs, readVersionRows } from '../model/versions.js';
import type { Storage } from '../storage/storage.js';
import type { VerdictWebhooks } from '../verdicts/record-verdict.js';

export interface DeleteRowsDependencies {
  webhooks: Pick<VerdictWebhooks, 'forget'>;
}

/**
 * Deletes attachments, in use or in the trash, with their links and earlier contents, inside the caller's transaction, which keeps
 * others from the attachments. Returns the keys of the bytes that nothing uses any more: their removal is then noted as due, for
 * `removeBytes` to carry out after the commit.
 */
export async function deleteRows(
  { webhooks }: DeleteRowsDependencies,
  manager: EntityManager,
  stored: readonly StoredAttachment[],
  now: Date,
): Promise<string[]> {
  const ids = stored.map(({ attachment }) => attachment.id);
  const versions = await readVersionRows(manager, ids);
  const blobIds = [...stored.map(({ blob }) => blob.id), ...versions.map(({ blobId }) => blobId)];
  await lockBlobs(manager, blobIds);
  await unlinkEverywhere(manager, ids);
  await webhooks.forget(manager, ids);
  await changeRows(
    manager,
    (sql) =>
      `UPDATE share_links SET ended_at = ${sql.add(now.getTime())} WHERE ${sql.isOneOf('attachment_id', ids)}`,
  );
  let deleted = 0;
  for (const table of new Set(stored.map(({ attachment }) => tableOf(attachment))))
    deleted += await changeRows(
      manager,
      (sql) => `DELETE FROM ${tableName(table)} WHERE ${sql.isOneOf('id', ids)}`,
    );
  if (deleted !== ids.length) throw new Error('Somebody else has deleted one of these attachments.');
  await deleteVersions(manager, versions);
  return deleteUnusedBlobs(manager, blobIds, now);
}

/**
 * Records, in the transaction that deletes them, what attachments were, and until when they can be restored. Without an actor
 * they have expired.
 */
export async function recordDeletions(
  manager: EntityManager,
  actor: Actor | null,
  stored: readonly StoredAttachment[],
  at: Date,
  restorableUntil: Date | null = null,
): Promise<void> {
  const action = actor ? 'ATTACHMENT_DELETED' : 'ATTACHMENT_PURGED';
  const until = restorableUntil ? { restorableUntil } : {};
  const events = stored.map(({ attachment }) => {
    const { id: subjectId, organizationId, fileName, recordType, recordId } = attachment;
    const record = recordId === null ? {} : { record: { type: recordType, id: recordId } };
    const event = { action, subjectId, at, details: { fileName, ...record, ...until } } as const;
    return [actor ?? { organizationId, principal: null }, event] as const;
  });
  await recordEvents(manager, events);
}

export interface RemoveBytesDependencies {
  database: Database;
  storage: Pick<Storage, 'remove'>;
}

const batchSize = 200;
/** Names in one folder become durable together. */
const removedAtOnce = 16;

/**
 * Removes the bytes of deleted blobs, whose removal has been committed as due. May be repeated. What cannot be removed, or is being
 * read, stays due; all are tried before its fault is thrown.
 */
export async function removeBytes(
  { database, storage }: RemoveBytesDependencies,
  documentKeys: readonly string[],
  write: Write = database.write,
): Promise<void> {
  const removed: string[] = [];
  const faults: unknown[] = [];
  for (let from = 0; from < documentKeys.length; from += removedAtOnce) {
    const keys = await withoutReader(database.read, documentKeys.slice(from, from + removedAtOnce));
    const removals = keys.map((key) =>
      storage.remove(key).then(
        () => removed.push(key),
        (error: unknown) => faults.push(error),
      ),
    );
    await Promise.all(removals);
  }
  if (removed.length > 0) await write((manager) => manager.delete(RemovalRow, { documentKey: In(removed) }));
  if (faults.length > 0) throw faults[0];
}

async function withoutReader(read: EntityManager, keys: readonly string[]): Promise<string[]> {
  const held = await read.find(IntakeRow, { where: { documentKey: In([...keys]) } });
  return keys.filter((key) => !held.some(({ documentKey }) => documentKey === key));
}

/**
 * Removes what a deletion, a crash or a failing storage has left due. Returns how many. What cannot be removed stays due and
 * holds no others up: all are tried before its fault is thrown.
 */
export async function removeDueBytes(deps: RemoveBytesDependencies): Promise<number> {
  const faults: unknown[] = [];
  for (let removed = 0, after = ''; ; ) {
    const due = await deps.database.read.find(RemovalRow, {
      where: { documentKey: MoreThan(after) },
      order: { documentKey: 'ASC' },
      take: batchSize,
    });
    const keys = due.map(({ documentKey }) => documentKey);
    await removeBytes(deps, keys, deps.database.writeInBackground).catch((error: unknown) =>
      faults.push(error),
    );
    after = keys.at(-1) ?? after;
    removed += keys.length;
    if (keys.length === batchSize) continue;
    if (faults.length > 0) throw faults[0];
    return removed;
  }
}

/** Places that attachments, by their ids, have left on their way into the trash. */
export type PlacesLeft = ReadonlyMap<string, readonly StoredPlace[]>;

/**
 * Puts attachments, all of them of the viewer's organization and locked, into the trash, inside the caller's transaction. They
 * leave every field, and with their table all else that shows attachments. Their bytes stay.
 */
export async function putIntoTrash(
  manager: EntityManager,
  viewer: Viewer,
  stored: readonly StoredAttachment[],
  { left, ...times }: { deletedAt: Date; expiresAt: Date; left?: PlacesLeft | undefined },
): Promise<void> {
  const ids = stored.map(({ attachment }) => attachment.id);
  const links = await unlinkEverywhere(manager, ids);
  const fields = await readFieldsOf(manager, viewer, links);
  const trashed = stored.map(({ attachment }) => {
    const own = links.filter(({ attachmentId }) => attachmentId === attachment.id);
    const linked = own.map(({ fieldId }) => fields.get(fieldId)).filter((place) => place !== undefined);
    const earlier = left?.get(attachment.id) ?? [];
    return { id: attachment.id, places: placesToStore(attachment, [...earlier, ...linked]) };
  });
  const moved = await moveToTrash(manager, trashed, times);
  if (moved !== ids.length) throw new Error('Somebody else has deleted one of these attachments.');
}

async function readFieldsOf(
  manager: EntityManager,
  { organizationId }: Viewer,
  links: readonly LinkRow[],
): Promise<ReadonlyMap<string, StoredPlace>> {
  const ids = [...new Set(links.map(({ fieldId }) => fieldId))];
  if (ids.length === 0) return new Map();
  const fields = await readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', ids)}`,
  );
  return new Map(fields.map(({ id, recordType, recordId, name }) => [id, [recordType, recordId, name]]));
}

/** As the record authorizer is asked about them: the owner too, if no field of it holds the attachment. */
function placesToStore(
  { recordType, recordId }: AttachmentRow,
  linked: readonly StoredPlace[],
): StoredPlace[] {
  const places = linked.slice(0, maxPlaces);
  if (recordType === null || recordId === null) return places;
  const isOwners = ([type, id]: StoredPlace) => type === recordType && id === recordId;
  return places.some(isOwners) ? places : [...places, [recordType, recordId, null]];
}

export interface RestoreAttachmentDependencies {
  database: Database;
  clock: () => Date;
  gracePeriodMs: number;
  unlinkedRetentionMs: number;
  changes: Changes;
}

/**
 * Takes an attachment out of the trash, back into no field. Its record has it again; without one it lives as long as one that is
 * new, or has just been unlinked. Of a restoration and the purge at once only one happens. Throws NOT_FOUND.
 *
 * @example
 * const { attachment } = await restoreAttachment(deps, viewer, attachmentId);
 */
export async function restoreAttachment(
  deps: RestoreAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<StoredAttachment> {
  const { changed, ...restored } = await deps.database.write(async (manager) => {
    await lockTrashed(manager, viewer, attachmentId);
    const [found] = await readTrashed(manager, viewer, [attachmentId]);
    if (!(found?.attachment instanceof TrashedAttachmentRow)) throw notFound(['input', 'attachmentId']);
    const now = deps.clock();
    const { deletedAt, places, ...rest } = found.attachment;
    const attachment: AttachmentRow = { ...rest, updatedAt: now, expiresAt: expiryOf(deps, rest, now) };
    if (!(await moveFromTrash(manager, found.attachment, attachment)))
      throw notFound(['input', 'attachmentId']);
    const restoration = { action: 'ATTACHMENT_RESTORED', subjectId: attachmentId, at: now } as const;
    await recordEvent(manager, viewer, { ...restoration, details: { deletedAt } });
    return { attachment, blob: found.blob, changed: await deps.changes.describe(manager, [attachment]) };
  });
  deps.changes.publish(changed);
  return restored;
}

/** Null: for good. */
function expiryOf(
  { gracePeriodMs, unlinkedRetentionMs }: RestoreAttachmentDependencies,
  { shared, recordId }: Pick<AttachmentRow, 'shared' | 'recordId'>,
  now: Date,
): Date | null {
  const lifetimeMs = shared ? unlinkedRetentionMs : gracePeriodMs;
  return recordId !== null || lifetimeMs === 0 ? null : new Date(now.getTime() + lifetimeMs);
}
