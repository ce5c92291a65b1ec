import type { EntityManager } from 'typeorm';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { AttachmentVersionRow } from '../database/entities/attachment-version.js';
import type { BlobRow } from '../database/entities/blob.js';
import { readRows } from '../database/read-rows.js';
import { countVersion, lockAttachment, trimVersions, withContent } from '../model/versions.js';

/**
 * Counts the contents over an approved blob that have waited for it, and makes them current. Returns the attachments, each as it
 * would be with such a content, of which it is not the current one: rejected, or older than one that was approved before.
 */
export async function judgeVersions(
  manager: EntityManager,
  { id: blobId, organizationId, verdict }: BlobRow,
  { now, maxVersions }: { now: Date; maxVersions: number },
): Promise<AttachmentRow[]> {
  const waiting = await readRows(
    manager,
    AttachmentVersionRow,
    (sql) => `blob_id = ${sql.add(blobId)} AND organization_id = ${sql.add(organizationId)}
      AND approved_at IS NULL ORDER BY attachment_id`,
  );
  const others: AttachmentRow[] = [];
  for (const version of waiting) {
    const stored = await lockAttachment(manager, version.attachmentId);
    if (!stored) continue;
    const isCounted = verdict === 'APPROVED' && (await countVersion(manager, stored, version, now));
    const after = isCounted ? await lockAttachment(manager, version.attachmentId) : stored;
    if (!after) throw new Error('An attachment that is locked has gone.');
    if (after.attachment.blobId !== blobId) others.push(withContent(after.attachment, version));
    if (isCounted) await trimVersions(manager, after.attachment, maxVersions, now);
  }
  return others;
}
