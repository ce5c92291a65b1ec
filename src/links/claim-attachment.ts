import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { Faults } from '../errors.js';
import { type Changes, describeChanges } from '../model/changes.js';
import { checkRecord, type RecordRef } from '../model/record.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { choosePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Policy } from '../policies/policy.js';
import { claimOne } from './claim-for-record.js';
import { recheckContents } from './recheck-contents.js';

export interface ClaimAttachmentDependencies {
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
  changes: Changes;
}

export interface Claim {
  attachmentId: string;
  record: RecordRef;
}

/**
 * Makes a record the owner of an attachment, once. Only its creator can; for anybody else it does not exist. Claiming again
 * for the same record changes nothing and succeeds. Throws NOT_FOUND, ALREADY_CLAIMED, BAD_USER_INPUT, and what the
 * policy of the record's type does not accept.
 *
 * @example
 * await claimAttachment(deps, viewer, { attachmentId, record: { type: 'WorkPackage', id: '7' } });
 */
export async function claimAttachment(
  { database, clock, policies, changes }: ClaimAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, record }: Claim,
): Promise<StoredAttachment & { alreadyClaimed: boolean }> {
  const faults = new Faults();
  checkRecord(faults, record, ['input', 'record']);
  const policy = choosePolicy(faults, policies, { record });
  faults.throwIfAny();
  const { changed, ...claimed } = await database.write(async (manager) => {
    const now = clock();
    const locOf = () => ['input', 'attachmentId'];
    const alreadyClaimed = !(await claimOne(manager, viewer, { record, attachmentId, now, locOf }));
    if (!alreadyClaimed) {
      const claim = { action: 'ATTACHMENT_CLAIMED', subjectId: attachmentId } as const;
      await recordEvent(manager, viewer, { ...claim, at: now, details: { record } });
    }
    const after = await findAttachment(manager, viewer, attachmentId);
    if (!after) throw notFound(['input', 'attachmentId']);
    if (policy && !alreadyClaimed) await assertAccepted(manager, viewer, policy, after.attachment);
    const changed = alreadyClaimed ? [] : await describeChanges(manager, [after.attachment]);
    return { ...after, alreadyClaimed, changed };
  });
  changes.publish(changed);
  return claimed;
}

/** Throws what the policy of a place does not accept of an attachment that is new to it. */
export async function assertAccepted(
  manager: EntityManager,
  viewer: Viewer,
  policy: Policy,
  attachment: AttachmentRow,
): Promise<void> {
  const faults = new Faults();
  const locOf = () => ['input', 'attachmentId'];
  await recheckContents(manager, viewer, { faults, policy, locOf }, [attachment]);
  faults.throwIfAny();
}
