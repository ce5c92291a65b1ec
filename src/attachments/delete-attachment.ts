import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { LinkRow } from '../database/entities/link.js';
import { RecordFieldRow } from '../database/entities/record-field.js';
import { RemovalRow } from '../database/entities/removal.js';
import { AttachmentError } from '../errors.js';
import { type RemoveBytesDependencies, removeBytes } from './remove-bytes.js';
import { findAttachment, type StoredAttachment } from './stored-attachment.js';

export interface DeleteAttachmentDependencies extends RemoveBytesDependencies {
  clock: () => Date;
  /** Told of bytes that could not be removed now; they stay due. */
  onRemovalDelayed(error: unknown): void;
}

/**
 * Deletes an attachment, its links, and, where no other attachment uses them, its bytes. The answer stands once the rows are
 * gone; bytes that the storage cannot remove just then are removed later. Throws NOT_FOUND.
 */
export async function deleteAttachment(
  deps: DeleteAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<void> {
  const documentKey = await deps.database.write(async (manager) => {
    const stored = await findAttachment(manager, viewer, attachmentId);
    if (!stored) throw new AttachmentError('NOT_FOUND', notFoundDetails);
    return deleteRows(manager, stored, deps.clock());
  });
  if (documentKey) await removeBytes(deps, documentKey).catch(deps.onRemovalDelayed);
}

const notFoundDetails = {
  details: [{ loc: ['input', 'attachmentId'], msg: 'There is no such attachment.', type: 'not_found' }],
};

/** Returns the key of bytes that nothing uses any more. */
async function deleteRows(
  manager: EntityManager,
  stored: StoredAttachment,
  now: Date,
): Promise<string | null> {
  const { attachment, blob } = stored;
  await unlinkEverywhere(manager, attachment.id);
  const { affected } = await manager.delete(AttachmentRow, { id: attachment.id });
  if (affected !== 1) throw new AttachmentError('NOT_FOUND', notFoundDetails);
  const last = await manager
    .createQueryBuilder()
    .delete()
    .from(BlobRow)
    .where('id = :id AND NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.blob_id = blobs.id)', {
      id: blob.id,
    })
    .execute();
  if (last.affected !== 1) return null;
  await manager.insert(RemovalRow, { documentKey: blob.documentKey, createdAt: now });
  return blob.documentKey;
}

/** Takes the attachment out of every field, closing the gaps. */
async function unlinkEverywhere(manager: EntityManager, attachmentId: string): Promise<void> {
  const links = await manager.find(LinkRow, { where: { attachmentId }, order: { fieldId: 'ASC' } });
  for (const { fieldId } of links) {
    await manager.update(RecordFieldRow, { id: fieldId }, { version: () => 'version + 1' });
    const link = await manager.findOneBy(LinkRow, { fieldId, attachmentId });
    if (!link) continue;
    await manager.delete(LinkRow, { fieldId, attachmentId });
    await manager
      .createQueryBuilder()
      .update(LinkRow)
      .set({ position: () => 'position - 1' })
      .where('field_id = :fieldId AND position > :position', { fieldId, position: link.position })
      .execute();
  }
}
