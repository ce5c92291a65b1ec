import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { lockRows } from '../database/row-locks.js';
import { type Change, type Changes, describeChanges } from '../model/changes.js';
import { findAnywhere, findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import {
  type DeleteRowsDependencies,
  deleteRows,
  type RemoveBytesDependencies,
  recordDeletions,
  removeBytes,
} from './delete-rows.js';
import { type PlacesLeft, putIntoTrash } from './trash.js';

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
    // It may be on its way into the trash, or out of it: whoever moves it is waited for.
    const tables = permanently ? [AttachmentRow, TrashedAttachmentRow, AttachmentRow] : [AttachmentRow];
    for (const table of tables) await lockRows(manager, table, [attachmentId], 'UPDATE');
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
export async function discard(
  deps: DeleteRowsDependencies & Pick<DeleteAttachmentDependencies, 'clock' | 'trashMs'>,
  manager: EntityManager,
  viewer: Viewer,
  stored: readonly StoredAttachment[],
  { permanently = false, left }: { permanently?: boolean; left?: PlacesLeft } = {},
): Promise<Discarded> {
  const at = deps.clock();
  const attachments = stored.map(({ attachment }) => attachment);
  const changed = await describeChanges(manager, attachments);
  if (permanently || deps.trashMs === 0) {
    await recordDeletions(manager, viewer, stored, at);
    return { documentKeys: await deleteRows(deps, manager, stored, at), changed, at, expiresAt: null };
  }
  const expiresAt = new Date(at.getTime() + deps.trashMs);
  await recordDeletions(manager, viewer, stored, at, expiresAt);
  await putIntoTrash(manager, viewer, stored, { deletedAt: at, expiresAt, left });
  return { documentKeys: [], changed, at, expiresAt };
}
