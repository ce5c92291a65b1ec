import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, type StoredPlace } from '../database/entities/attachment.js';
import { lockAttachments, lockFields, lockTrashed, lockWithFields } from '../database/lock-order.js';
import { Faults } from '../errors.js';
import { changeLinks } from '../links/change-links.js';
import { readFieldsOfRecords, readLinksOfFields } from '../links/read-fields.js';
import type { Change, Changes } from '../model/changes.js';
import { checkRecord, type RecordRef } from '../model/record.js';
import {
  findAnywhere,
  findAttachment,
  notFound,
  readAttachments,
  type StoredAttachment,
} from '../model/stored-attachment.js';
import {
  type DeleteRowsDependencies,
  deleteRows,
  type PlacesLeft,
  putIntoTrash,
  type RemoveBytesDependencies,
  recordDeletions,
  removeBytes,
} from './delete-rows.js';

export interface DeleteAttachmentDependencies extends RemoveBytesDependencies, DeleteRowsDependencies {
  clock: () => Date;
  changes: Changes;
  /** How long what is deleted can be restored; 0: not at all. */
  trashMs: number;
  /** Told of bytes that could not be removed now; they stay due. */
  onRemovalDelayed(error: unknown): void;
}

export interface DeleteAttachment {
  attachmentId: string;
  /** Past the trash, or out of it. */
  permanently: boolean;
}

/** The rows as they were, and the time of their deletion. */
export interface Deletion {
  stored: StoredAttachment;
  at: Date;
  /** The end of its days in the trash; null if it is gone. */
  expiresAt: Date | null;
}

/**
 * Deletes an attachment: into the trash, unless there is none. Past it, with its links and, if no other attachment uses them,
 * its bytes. The answer stands once the rows are gone; bytes that the storage cannot remove just then are removed later. Throws
 * NOT_FOUND.
 *
 * @example
 * await deleteAttachment(deps, viewer, { attachmentId, permanently: false });
 */
export async function deleteAttachment(
  deps: DeleteAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, permanently }: DeleteAttachment,
): Promise<Deletion> {
  const { documentKeys, changed, deletion } = await deps.database.write(async (manager) => {
    await lockWithFields(manager, viewer, [attachmentId]);
    // It may be on its way into the trash, or out of it: whoever moves it is waited for.
    if (permanently) {
      await lockTrashed(manager, viewer, attachmentId);
      await lockAttachments(manager, viewer, [attachmentId]);
    }
    const find = permanently ? findAnywhere : findAttachment;
    const stored = await find(manager, viewer, attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    const { at, expiresAt, ...discarded } = await discard(deps, manager, viewer, [stored], { permanently });
    return { ...discarded, deletion: { stored, at, expiresAt } };
  });
  deps.changes.publish(changed);
  await removeBytes(deps, documentKeys).catch(deps.onRemovalDelayed);
  return deletion;
}

export interface Discarded extends Omit<Deletion, 'stored'> {
  documentKeys: string[];
  changed: Change[];
}

/**
 * Deletes locked attachments, or puts them into the trash, inside the caller's transaction. Returns what is to be published, and
 * the keys of bytes that are to be removed, after it.
 */
async function discard(
  deps: DeleteRowsDependencies & Pick<DeleteAttachmentDependencies, 'changes' | 'clock' | 'trashMs'>,
  manager: EntityManager,
  viewer: Viewer,
  stored: readonly StoredAttachment[],
  { permanently = false, left }: { permanently?: boolean; left?: PlacesLeft } = {},
): Promise<Discarded> {
  const at = deps.clock();
  const attachments = stored.map(({ attachment }) => attachment);
  const changed = await deps.changes.describe(manager, attachments);
  if (permanently || deps.trashMs === 0) {
    await recordDeletions(manager, viewer, stored, at);
    return { documentKeys: await deleteRows(deps, manager, stored, at), changed, at, expiresAt: null };
  }
  const expiresAt = new Date(at.getTime() + deps.trashMs);
  await recordDeletions(manager, viewer, stored, at, expiresAt);
  await putIntoTrash(manager, viewer, stored, { deletedAt: at, expiresAt, left });
  return { documentKeys: [], changed, at, expiresAt };
}

export interface DeleteRecordAttachmentsDependencies extends DeleteAttachmentDependencies {
  database: DeleteAttachmentDependencies['database'] & {
    /** Throws unless somebody has decided about every place from which these attachments are about to go. */
    assertDecided?(manager: EntityManager, ids: readonly string[]): Promise<void>;
  };
  unlinkedRetentionMs: number;
}

/** Attachments deleted in one transaction, so that others need not wait long. */
const batchSize = 200;

/**
 * For when the record itself is gone: empties its fields and deletes what it has claimed, into the trash if there is one. What
 * it only shared with other records stays with those. Returns the ids of the deleted. May be repeated after a failure.
 *
 * @example
 * const deletedIds = await deleteRecordAttachments(deps, viewer, { type: 'WorkPackage', id: '7' });
 */
export async function deleteRecordAttachments(
  deps: DeleteRecordAttachmentsDependencies,
  viewer: Viewer,
  record: RecordRef,
): Promise<string[]> {
  const faults = new Faults();
  checkRecord(faults, record, ['input', 'record']);
  faults.throwIfAny();
  const emptied = await deps.database.write((manager) => emptyFields(deps, manager, viewer, record));
  deps.changes.publish(emptied.changed);
  const deleted: string[] = [];
  for (;;) {
    const { ids, documentKeys, changed, isLast } = await deps.database.write((manager) =>
      deleteBatch(deps, manager, viewer, { record, left: emptied.left }),
    );
    deps.changes.publish(changed);
    await removeBytes(deps, documentKeys).catch(deps.onRemovalDelayed);
    deleted.push(...ids);
    if (isLast) return deleted;
  }
}

/**
 * Returns what is to be published: those that stay, with other records, and those that are deleted next. Also the places that they
 * have left.
 */
async function emptyFields(
  { changes, clock, unlinkedRetentionMs }: DeleteRecordAttachmentsDependencies,
  manager: EntityManager,
  viewer: Viewer,
  record: RecordRef,
): Promise<{ changed: Change[]; left: PlacesLeft }> {
  const fields = await readFieldsOfRecords(manager, viewer, [record]);
  await lockFields(manager, viewer, { record, names: fields.map(({ name }) => name) });
  const links = await readLinksOfFields(
    manager,
    fields.map(({ id }) => id),
  );
  const linked = [...new Set(links.map(({ attachmentId }) => attachmentId))];
  await lockAttachments(manager, viewer, linked);
  const changed: Change[] = [];
  const left = new Map<string, StoredPlace[]>();
  for (const { id, name } of fields) {
    const attachmentIds = links.flatMap((link) => (link.fieldId === id ? [link.attachmentId] : []));
    for (const each of attachmentIds)
      left.set(each, [...(left.get(each) ?? []), [record.type, record.id, name]]);
    await changeLinks(manager, viewer, {
      record,
      field: name,
      attachmentIds,
      mode: 'REMOVE',
      expectedVersion: null,
      policy: null,
      retentionMs: unlinkedRetentionMs,
      clock,
      locOf: () => ['input', 'record'],
    });
    const unlinked = await readAttachments(manager, viewer, attachmentIds);
    const rows = unlinked.map(({ attachment }) => attachment);
    changed.push(...(await changes.describe(manager, rows, [record])));
  }
  return { changed, left };
}

async function deleteBatch(
  deps: DeleteRecordAttachmentsDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { record, left }: { record: RecordRef; left: PlacesLeft },
): Promise<{ ids: string[]; documentKeys: string[]; changed: Change[]; isLast: boolean }> {
  const rows = await manager.find(AttachmentRow, {
    select: { id: true },
    where: { organizationId: viewer.organizationId, recordType: record.type, recordId: record.id },
    order: { createdAt: 'ASC', id: 'ASC' },
    take: batchSize,
  });
  const found = rows.map(({ id }) => id);
  await lockWithFields(manager, viewer, found);
  // Some may have been given to another record, or deleted, meanwhile.
  const owned = (await readAttachments(manager, viewer, found)).filter(
    ({ attachment }) => attachment.recordType === record.type && attachment.recordId === record.id,
  );
  const ids = owned.map(({ attachment }) => attachment.id);
  // Only now can nobody claim or link them any more.
  await deps.database.assertDecided?.(manager, ids);
  const isLast = found.length < batchSize;
  return { ids, isLast, ...(await discard(deps, manager, viewer, owned, { left })) };
}
