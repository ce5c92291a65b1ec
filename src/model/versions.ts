import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { blobsWithBody } from '../database/blob-bodies.js';
import {
  AttachmentRow,
  AttachmentVersionRow,
  TrashedAttachmentRow,
} from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { RemovalRow } from '../database/entities/stored-bytes.js';
import { insertRow, insertRows } from '../database/insert-row.js';
import { lockLateTargets } from '../database/lock-order.js';
import { changeRows, readJoined, readRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { nameForms } from '../database/stored-names.js';
import { mayBeInlined } from '../storage/document-key.js';
import { readStored, type StoredAttachment } from './stored-attachment.js';

/*
 * Contents of an attachment come in an order, their position. Each that is approved counts as a version, by that order: the
 * newest of them is current, whichever of several verdicts comes first. A number is one more than the versions before it.
 */

/** A content of an attachment together with its blob. */
export interface StoredVersion {
  version: AttachmentVersionRow;
  blob: BlobRow;
}

/** The contents of these attachments, of each the newest first; none of attachments that have had one only. */
export async function readVersions(
  manager: EntityManager,
  { organizationId }: Pick<Viewer, 'organizationId'>,
  attachmentIds: readonly string[],
): Promise<StoredVersion[]> {
  if (attachmentIds.length === 0) return [];
  const found = await readJoined(
    manager,
    { version: AttachmentVersionRow, blob: BlobRow },
    (sql) => `FROM attachment_versions version JOIN blobs blob ON blob.id = version.blob_id
      WHERE ${sql.isOneOf('version.attachment_id', attachmentIds)}
        AND version.organization_id = ${sql.add(organizationId)}`,
  );
  return found.sort((one, other) => other.version.position - one.version.position);
}

/** The rows alone, whoever's they are. */
export function readVersionRows(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<AttachmentVersionRow[]> {
  return readRows(manager, AttachmentVersionRow, (sql) => sql.isOneOf('attachment_id', attachmentIds));
}

/**
 * The contents of an attachment that are no version yet and were brought under its name: they take a new one along. Those that were
 * rejected, too: a release must not bring the former name back.
 */
export async function readNamesakes(
  manager: EntityManager,
  attachment: AttachmentRow,
): Promise<StoredVersion[]> {
  const { id, fileName } = attachment;
  const found = await readVersions(manager, attachment, [id]);
  return found.filter(({ version }) => version.approvedAt === null && version.fileName === fileName);
}

/** The contents of an attachment, given those that have rows. */
export function versionsOf(
  stored: StoredAttachment,
  kept: readonly StoredVersion[],
): readonly StoredVersion[] {
  return kept.length > 0 ? kept : [{ version: firstVersion(stored), blob: stored.blob }];
}

/** The only content of an attachment, for which there is no row yet. */
function firstVersion({ attachment }: StoredAttachment): AttachmentVersionRow {
  const { id, organizationId, blobId, fileName, contentType, size, createdById, createdAt } = attachment;
  return Object.assign(new AttachmentVersionRow(), {
    ...{ id, organizationId, attachmentId: id, position: 1, number: attachment.version },
    ...{ blobId, fileName, contentType, size, createdById, createdAt, approvedAt: createdAt },
  });
}

export const isCurrent = (
  { version }: Pick<AttachmentRow, 'version'>,
  { number, approvedAt }: AttachmentVersionRow,
): boolean => approvedAt !== null && number === version;

/** Facts about new content. */
export type NewContent = Pick<
  AttachmentVersionRow,
  'id' | 'blobId' | 'fileName' | 'contentType' | 'size' | 'createdById' | 'createdAt'
>;

/** Adds the newest content of a locked attachment, which is not current by that. */
export async function addVersion(
  manager: EntityManager,
  stored: StoredAttachment,
  content: NewContent,
): Promise<AttachmentVersionRow> {
  const { id: attachmentId, organizationId, version } = stored.attachment;
  const kept = await readVersionRows(manager, [attachmentId]);
  if (kept.length === 0) await insertRow(manager, AttachmentVersionRow, firstVersion(stored));
  const position = Math.max(1, ...kept.map((row) => row.position)) + 1;
  const row = Object.assign(new AttachmentVersionRow(), {
    ...content,
    ...{ organizationId, attachmentId, position, number: version + 1, approvedAt: null },
  });
  await insertRow(manager, AttachmentVersionRow, row);
  return row;
}

/**
 * Counts an approved content as a version, once, and makes it current unless a newer one is. The attachment is locked, in use or
 * in the trash. False: it was counted before, or is gone.
 */
export async function countVersion(
  manager: EntityManager,
  { attachment }: StoredAttachment,
  { id, attachmentId, organizationId }: Pick<AttachmentVersionRow, 'id' | 'attachmentId' | 'organizationId'>,
  now: Date,
): Promise<boolean> {
  const counted = await changeRows(
    manager,
    (sql) => `UPDATE attachment_versions SET approved_at = ${sql.add(now.getTime())}
      WHERE id = ${sql.add(id)} AND organization_id = ${sql.add(organizationId)} AND approved_at IS NULL`,
  );
  if (counted !== 1) return false;
  const row = await manager.findOneByOrFail(AttachmentVersionRow, { id, organizationId });
  await changeRows(
    manager,
    (sql) => `UPDATE attachment_versions SET number = number + 1
      WHERE attachment_id = ${sql.add(attachmentId)} AND organization_id = ${sql.add(organizationId)}
        AND position > ${sql.add(row.position)}`,
  );
  const { blobId, fileName, contentType, size } = row;
  const content = { blobId, fileName, ...nameForms(fileName), contentType, size };
  const change = {
    version: attachment.version + 1,
    updatedAt: now,
    ...(row.number > attachment.version ? content : {}),
  };
  const key = { id: attachmentId, organizationId };
  if (attachment instanceof TrashedAttachmentRow) await manager.update(TrashedAttachmentRow, key, change);
  else await manager.update(AttachmentRow, key, change);
  return true;
}

/** The attachment, kept from others until the transaction ends, in use or in the trash; null if it is gone. */
export async function lockAttachment(manager: EntityManager, id: string): Promise<StoredAttachment | null> {
  for (const table of [AttachmentRow, TrashedAttachmentRow, AttachmentRow])
    await lockRows(manager, table, [id], 'UPDATE');
  const [inUse] = await readStored(manager, [id]);
  return inUse ?? (await readStored(manager, [id], TrashedAttachmentRow))[0] ?? null;
}

/**
 * Deletes the oldest contents of a locked attachment beyond `limit`. The current and the newest one stay. Bytes that nothing uses
 * any more are due then.
 */
export async function trimVersions(
  manager: EntityManager,
  attachment: Pick<AttachmentRow, 'id' | 'version'>,
  limit: number,
  now: Date,
): Promise<void> {
  const kept = await readVersionRows(manager, [attachment.id]);
  const ordered = kept.sort((one, other) => one.position - other.position);
  const older = ordered.slice(0, -1).filter((row) => !isCurrent(attachment, row));
  const dropped = older.slice(0, Math.max(0, ordered.length - limit));
  if (dropped.length === 0) return;
  const blobIds = dropped.map(({ blobId }) => blobId);
  await lockBlobs(manager, blobIds);
  await deleteVersions(manager, dropped);
  await deleteUnusedBlobs(manager, blobIds, now);
}

export async function deleteVersions(
  manager: EntityManager,
  versions: readonly AttachmentVersionRow[],
): Promise<void> {
  if (versions.length === 0) return;
  const ids = versions.map(({ id }) => id);
  await changeRows(manager, (sql) => `DELETE FROM attachment_versions WHERE ${sql.isOneOf('id', ids)}`);
}

/** The attachment as it would be with this content. */
export function withContent(
  attachment: AttachmentRow,
  { blobId, fileName, contentType, size, number }: AttachmentVersionRow,
): AttachmentRow {
  return Object.assign(new AttachmentRow(), attachment, {
    ...{ blobId, fileName, contentType, size, version: number },
  });
}

/** A condition on a blob as `row`: no attachment uses it, in the trash or as an earlier content neither. */
const isUnused = ['attachments', 'trashed_attachments', 'attachment_versions']
  .map((table) => `NOT EXISTS (SELECT 1 FROM ${table} WHERE ${table}.blob_id = "row".id)`)
  .join(' AND ');

/**
 * Keeps others from using these blobs or deleting them until the transaction ends: of two who delete the last two uses of a blob
 * at the same time, the second must see that its own is the last.
 */
export async function lockBlobs(manager: EntityManager, blobIds: readonly string[]): Promise<void> {
  await lockRows(manager, BlobRow, [...new Set(blobIds)], 'UPDATE');
}

/**
 * Deletes those of these blobs, all of them locked, that nothing uses any more, with the targets that brought them. Returns the
 * keys of bytes that do not go with them: their removal is noted as due.
 */
export async function deleteUnusedBlobs(
  manager: EntityManager,
  blobIds: readonly string[],
  now: Date,
): Promise<string[]> {
  const documentKeys = await deleteUnused(manager, blobIds);
  await lockLateTargets(manager, documentKeys);
  if (documentKeys.length > 0)
    await changeRows(
      manager,
      (sql) => `DELETE FROM upload_targets WHERE ${sql.isOneOf('document_key', documentKeys)}`,
    );
  const removals = documentKeys.map((documentKey) => ({ documentKey, createdAt: now }));
  await insertRows(manager, RemovalRow, removals);
  return documentKeys;
}

async function deleteUnused(manager: EntityManager, blobIds: readonly string[]): Promise<string[]> {
  const unused = await readRows(manager, BlobRow, (sql) => `${sql.isOneOf('id', blobIds)} AND ${isUnused}`);
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return [];
  const marked = unused.filter(({ documentKey }) => mayBeInlined(documentKey)).map(({ id }) => id);
  const inlined = await blobsWithBody(manager, marked);
  const deleted = await changeRows(
    manager,
    (sql) => `DELETE FROM blobs AS "row" WHERE ${sql.isOneOf('id', ids)} AND ${isUnused}`,
  );
  if (deleted !== ids.length) throw new Error('Somebody else uses one of these blobs.');
  return unused.filter(({ id }) => !inlined.has(id)).map(({ documentKey }) => documentKey);
}
