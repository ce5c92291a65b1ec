import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { AttachmentError } from '../errors.js';
import { Faults } from '../faults.js';
import { claimForRecord } from './claim-for-record.js';
import { checkRecord, type RecordRef } from './record.js';
import { findAttachment, type StoredAttachment } from './stored-attachment.js';

export interface ClaimAttachmentDependencies {
  database: Database;
  clock: () => Date;
}

export interface Claim {
  attachmentId: string;
  record: RecordRef;
}

/**
 * Makes a record the owner of an attachment, once. Only its creator can; for anybody else it does not exist. Claiming again
 * for the same record changes nothing and succeeds. Throws NOT_FOUND, ALREADY_CLAIMED, BAD_USER_INPUT.
 */
export async function claimAttachment(
  { database, clock }: ClaimAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, record }: Claim,
): Promise<StoredAttachment & { alreadyClaimed: boolean }> {
  const faults = new Faults();
  checkRecord(faults, record, ['input', 'record']);
  faults.throwIfAny();
  return database.write(async (manager) => {
    const before = await manager.findOneBy(AttachmentRow, {
      id: attachmentId,
      organizationId: viewer.organizationId,
    });
    const alreadyClaimed = before?.recordType === record.type && before.recordId === record.id;
    if (!alreadyClaimed) {
      await claimForRecord(manager, viewer, {
        record,
        ids: [attachmentId],
        now: clock(),
        locOf: () => ['input', 'attachmentId'],
      });
    }
    const after = await findAttachment(manager, viewer, attachmentId);
    if (!after) throw new AttachmentError('NOT_FOUND');
    return { ...after, alreadyClaimed };
  });
}
