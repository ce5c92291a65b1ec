import type { EntityManager } from 'typeorm';
import { type Actor, recordEvent } from '../audit/record-event.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { RemovalRow } from '../database/entities/cleaning.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { lockRows } from '../database/row-locks.js';
import { In, MoreThan } from '../database/typeorm.js';
import type { Write } from '../database/write-queue.js';
import { unlinkEverywhere } from '../links/unlink-everywhere.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { Storage } from '../storage/storage.js';
import type { VerdictWebhooks } from '../verdicts/verdict-webhooks.js';

export interface DeleteRowsDependencies {
  webhooks: Pick<VerdictWebhooks, 'forget'>;
}

/**
 * Deletes an attachment and its links, inside the caller's transaction. Returns the key of its bytes where nothing uses
 * them any more: their removal is then noted as due, for `removeBytes` to carry out after the commit. Null otherwise.
 */
export async function deleteRows(
  { webhooks }: DeleteRowsDependencies,
  manager: EntityManager,
  { attachment, blob }: StoredAttachment,
  now: Date,
): Promise<string | null> {
  // If two delete the last two attachments of a blob at the same time, the second must see that it is the last.
  await lockRows(manager, BlobRow, [blob.id], 'UPDATE');
  await unlinkEverywhere(manager, attachment.id);
  await webhooks.forget(manager, attachment.id);
  const { organizationId } = attachment;
  await manager.delete(AttachmentRow, { id: attachment.id, organizationId });
  const { affected } = await manager
    .createQueryBuilder()
    .delete()
    .from(BlobRow)
    .where('id = :id AND organization_id = :organizationId', { id: blob.id, organizationId })
    .andWhere('NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.blob_id = blobs.id)')
    .execute();
  if (affected !== 1) return null;
  const { documentKey } = blob;
  await manager.delete(UploadTargetRow, { documentKey, organizationId });
  await insertRow(manager, RemovalRow, { documentKey, createdAt: now });
  return documentKey;
}

/** Records, in the transaction that deletes it, what an attachment was. Without an actor it has expired. */
export async function recordDeletion(
  manager: EntityManager,
  actor: Actor | null,
  { id: subjectId, organizationId, fileName, recordType, recordId }: AttachmentRow,
  at: Date,
): Promise<void> {
  const details = recordId === null ? { fileName } : { fileName, record: { type: recordType, id: recordId } };
  const action = actor ? 'ATTACHMENT_DELETED' : 'ATTACHMENT_PURGED';
  await recordEvent(manager, actor ?? { organizationId, principal: null }, {
    action,
    subjectId,
    at,
    details,
  });
}

export interface RemoveBytesDependencies {
  database: Database;
  storage: Pick<Storage, 'remove'>;
}

const batchSize = 200;

/**
 * Removes the bytes of deleted blobs, whose removal has been committed as due. May be repeated. What cannot be removed stays
 * due; all are tried before its fault is thrown.
 */
export async function removeBytes(
  { database, storage }: RemoveBytesDependencies,
  documentKeys: readonly string[],
  write: Write = database.write,
): Promise<void> {
  const removed: string[] = [];
  const faults: unknown[] = [];
  for (const key of documentKeys) {
    await storage.remove(key).then(
      () => removed.push(key),
      (error: unknown) => faults.push(error),
    );
  }
  if (removed.length > 0) await write((manager) => manager.delete(RemovalRow, { documentKey: In(removed) }));
  if (faults.length > 0) throw faults[0];
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
