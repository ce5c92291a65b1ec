import type { EntityManager } from 'typeorm';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { LinkRow } from '../database/entities/link.js';
import { RecordFieldRow } from '../database/entities/record-field.js';
import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { StoredAttachment } from './stored-attachment.js';

/**
 * Deletes an attachment and its links, inside the caller's transaction. Returns the key of its bytes where nothing uses
 * them any more: their removal is then noted as due, for `removeBytes` to carry out after the commit. Null otherwise.
 */
export async function deleteRows(
  manager: EntityManager,
  { attachment, blob }: StoredAttachment,
  now: Date,
): Promise<string | null> {
  await unlinkEverywhere(manager, attachment.id);
  await manager.delete(AttachmentRow, { id: attachment.id });
  const { affected } = await manager
    .createQueryBuilder()
    .delete()
    .from(BlobRow)
    .where('id = :id AND NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.blob_id = blobs.id)', {
      id: blob.id,
    })
    .execute();
  if (affected !== 1) return null;
  const { documentKey } = blob;
  await manager.delete(UploadTargetRow, { documentKey });
  await manager.insert(RemovalRow, { documentKey, createdAt: now });
  return documentKey;
}

async function unlinkEverywhere(manager: EntityManager, attachmentId: string): Promise<void> {
  const links = await manager.find(LinkRow, { where: { attachmentId }, order: { fieldId: 'ASC' } });
  for (const { fieldId } of links) await unlinkFromField(manager, fieldId, attachmentId);
}

/** Takes an attachment out of one field, closing the gap. */
async function unlinkFromField(manager: EntityManager, fieldId: string, attachmentId: string): Promise<void> {
  // Before the position is read, so that the field's row keeps other writers out.
  await manager.update(RecordFieldRow, { id: fieldId }, { version: () => 'version + 1' });
  const link = await manager.findOneBy(LinkRow, { fieldId, attachmentId });
  if (!link) return;
  await manager.delete(LinkRow, { fieldId, attachmentId });
  await manager
    .createQueryBuilder()
    .update(LinkRow)
    .set({ position: () => 'position - 1' })
    .where('field_id = :fieldId AND position > :position', { fieldId, position: link.position })
    .execute();
}
