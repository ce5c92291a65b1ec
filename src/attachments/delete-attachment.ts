import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { lockRows } from '../database/row-locks.js';
import { type Changes, describeChanges } from '../model/changes.js';
import { findAttachment, notFound } from '../model/stored-attachment.js';
import {
  type DeleteRowsDependencies,
  deleteRows,
  type RemoveBytesDependencies,
  recordDeletions,
  removeBytes,
} from './delete-rows.js';

export interface DeleteAttachmentDependencies extends RemoveBytesDependencies, DeleteRowsDependencies {
  clock: () => Date;
  changes: Changes;
  /** Told of bytes that could not be removed now; they stay due. */
  onRemovalDelayed(error: unknown): void;
}

/**
 * Deletes an attachment, its links, and, where no other attachment uses them, its bytes. The answer stands once the rows are
 * gone; bytes that the storage cannot remove just then are removed later. Throws NOT_FOUND.
 *
 * @example
 * await deleteAttachment(deps, viewer, attachmentId);
 */
export async function deleteAttachment(
  deps: DeleteAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<void> {
  const { documentKeys, changed } = await deps.database.write(async (manager) => {
    await lockRows(manager, AttachmentRow, [attachmentId], 'UPDATE');
    const stored = await findAttachment(manager, viewer, attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    const changed = await describeChanges(manager, [stored.attachment]);
    await recordDeletions(manager, viewer, [stored], deps.clock());
    return { documentKeys: await deleteRows(deps, manager, [stored], deps.clock()), changed };
  });
  deps.changes.publish(changed);
  await removeBytes(deps, documentKeys).catch(deps.onRemovalDelayed);
}
