import type { EntityManager } from 'typeorm';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { lockRows } from '../database/row-locks.js';
import type { StoredAttachment } from './stored-attachment.js';
import { unlinkEverywhere } from './unlink-everywhere.js';
import type { VerdictListener } from './verdict-listener.js';

export interface DeleteRowsDependencies {
  verdicts: Pick<VerdictListener, 'forget'>;
}

/**
 * Deletes an attachment and its links, inside the caller's transaction. Returns the key of its bytes where nothing uses
 * them any more: their removal is then noted as due, for `removeBytes` to carry out after the commit. Null otherwise.
 */
export async function deleteRows(
  { verdicts }: DeleteRowsDependencies,
  manager: EntityManager,
  { attachment, blob }: StoredAttachment,
  now: Date,
): Promise<string | null> {
  // Of two that delete the last two attachments of a blob at the same time, the second must see that it is the last.
  await lockRows(manager, BlobRow, [blob.id], 'UPDATE');
  await unlinkEverywhere(manager, attachment.id);
  await verdicts.forget(manager, attachment.id);
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
  await manager.insert(RemovalRow, { documentKey, createdAt: now });
  return documentKey;
}
