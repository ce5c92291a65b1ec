import type { EntityManager } from 'typeorm';
import { recordEvent, recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow, ShareLinkRow } from '../database/entities/record-field.js';
import { lockAttachments, lockForMove } from '../database/lock-order.js';
import { changeRows, readJoined } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { IsNull } from '../database/typeorm.js';
import { Faults } from '../errors.js';
import type { Changes } from '../model/changes.js';
import { checkName, checkRecord, isSameRecord, type RecordRef } from '../model/record.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import type { Policy } from '../policies/check-policy.js';
import { choosePolicy, choosePolicyOfPlace } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import { changeLinks } from './change-links.js';
import { claimOne, handOver, recheckContents } from './claim-for-record.js';

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
    // With it locked: a claim that has waited for another change has the later instant.
    await lockAttachments(manager, viewer, [attachmentId]);
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
    const changed = alreadyClaimed ? [] : await changes.describe(manager, [after.attachment]);
    return { ...after, alreadyClaimed, changed };
  });
  changes.publish(changed);
  return claimed;
}

/** Throws what the policy of a place does not accept of an attachment that is new to it. */
async function assertAccepted(
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

export interface TransferAttachmentDependencies {
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
  changes: Changes;
  unlinkedRetentionMs: number;
}

export interface Transfer {
  attachmentId: string;
  /** The record that owns it. */
  from: RecordRef;
  to: RecordRef;
  /** A field of the new record, which then holds it last; null: none. */
  field: string | null;
  /** Whether its share links end; else they lead to it at its new record. */
  revokeShareLinks: boolean;
}

/** A transfer, once its input has been checked. */
interface Checked extends Transfer {
  policy: Policy;
  now: Date;
}

/**
 * Gives an attachment from the record that owns it to another one, and takes it out of all fields of the first: all of it, or
 * nothing. Its share links stay unless they are to be revoked. Of several at once one wins. Throws NOT_FOUND, ALREADY_CLAIMED unless `from` owns it, BAD_USER_INPUT,
 * TOO_MANY_ATTACHMENTS, and what the policy of the new place does not accept.
 *
 * @example
 * await transferAttachment(deps, viewer, { attachmentId, from: draft, to: { type: 'Invoice', id: '7' }, field: 'files' });
 */
export async function transferAttachment(
  { database, clock, policies, changes, unlinkedRetentionMs }: TransferAttachmentDependencies,
  viewer: Viewer,
  transfer: Transfer,
): Promise<StoredAttachment> {
  const policy = checkInput(policies, transfer);
  const { changed, stored } = await database.write(async (manager) => {
    await lockForMove(manager, viewer, transfer.attachmentId, {
      record: transfer.to,
      names: transfer.field === null ? [] : [transfer.field],
    });
    // With all of it locked: of several transfers the later one has the later instant.
    const checked = { ...transfer, policy, now: clock() };
    await handOver(manager, viewer, checked);
    await recordTransfer(manager, viewer, checked);
    await leaveFields(manager, viewer, checked, unlinkedRetentionMs);
    await enterField(manager, viewer, checked, unlinkedRetentionMs);
    const stored = await findAttachment(manager, viewer, transfer.attachmentId);
    if (!stored) throw notFound(['input', 'attachmentId']);
    await assertAccepted(manager, viewer, policy, stored.attachment);
    return { stored, changed: await changes.describe(manager, [stored.attachment], [transfer.from]) };
  });
  changes.publish(changed);
  return stored;
}

/** The policy of the new place. Throws every fault of the input. */
function checkInput(policies: PolicyBook, { from, to, field }: Transfer): Policy {
  const faults = new Faults();
  checkRecord(faults, from, ['input', 'from']);
  checkRecord(faults, to, ['input', 'to']);
  if (field !== null) checkName(faults, field, ['input', 'field']);
  if (isSameRecord(from, to)) faults.add('duplicate', ['input', 'to'], 'It is the record that has it.');
  const policy = choosePolicyOfPlace(faults, policies, { record: to, field }, ['input', 'to']);
  faults.throwIfAny();
  if (!policy) throw new Error('A policy that is missing has no fault.');
  return policy;
}

/** With the number of share links that stay, of which the new record may not know. */
async function recordTransfer(
  manager: EntityManager,
  viewer: Viewer,
  { attachmentId: subjectId, from, to, field, revokeShareLinks, now: at }: Checked,
): Promise<void> {
  const { organizationId } = viewer;
  const findOpen = async () => {
    const where = { organizationId, attachmentId: subjectId, revokedAt: IsNull(), endedAt: IsNull() };
    const open = await manager.find(ShareLinkRow, { select: { id: true }, where, order: { id: 'ASC' } });
    return open.map(({ id }) => id);
  };
  // With the attachment locked nobody makes another one, but somebody may be revoking one of these.
  if (revokeShareLinks) await lockRows(manager, ShareLinkRow, await findOpen(), 'UPDATE');
  const shareLinkIds = await findOpen();
  const kept = revokeShareLinks || shareLinkIds.length === 0 ? {} : { shareLinks: shareLinkIds.length };
  const details = { from, to, ...(field === null ? {} : { field }), ...kept };
  await recordEvent(manager, viewer, { action: 'ATTACHMENT_TRANSFERRED', subjectId, at, details });
  if (!revokeShareLinks) return;
  await changeRows(
    manager,
    (sql) => `UPDATE share_links SET revoked_at = ${sql.add(at.getTime())}
      WHERE ${sql.isOneOf('id', shareLinkIds)} AND organization_id = ${sql.add(organizationId)}`,
  );
  const events = shareLinkIds.map((shareLinkId) => {
    const event = { action: 'SHARE_LINK_REVOKED', subjectId, at, details: { shareLinkId } } as const;
    return [viewer, event] as const;
  });
  await recordEvents(manager, events);
}

/** Links in fields of other records stay. */
async function leaveFields(
  manager: EntityManager,
  viewer: Viewer,
  { attachmentId, from, now }: Checked,
  retentionMs: number,
): Promise<void> {
  const { organizationId } = viewer;
  const held = await readJoined(
    manager,
    { link: LinkRow, field: RecordFieldRow },
    (sql) => `FROM links link JOIN record_fields field ON field.id = link.field_id
      WHERE link.attachment_id = ${sql.add(attachmentId)} AND field.organization_id = ${sql.add(organizationId)}
        AND field.record_type = ${sql.add(from.type)} AND field.record_id = ${sql.add(from.id)}
      ORDER BY field.name`,
  );
  const common = {
    record: from,
    attachmentIds: [attachmentId],
    expectedVersion: null,
    policy: null,
  } as const;
  for (const { field } of held)
    await changeLinks(manager, viewer, {
      ...common,
      field: field.name,
      mode: 'REMOVE',
      retentionMs,
      clock: () => now,
      locOf: () => ['input', 'from'],
    });
}

async function enterField(
  manager: EntityManager,
  viewer: Viewer,
  { attachmentId, to: record, field, policy, now }: Checked,
  retentionMs: number,
): Promise<void> {
  if (field === null) return;
  await changeLinks(manager, viewer, {
    record,
    field,
    attachmentIds: [attachmentId],
    mode: 'ADD',
    expectedVersion: null,
    policy,
    retentionMs,
    clock: () => now,
    locOf: () => ['input', 'attachmentId'],
  });
}
