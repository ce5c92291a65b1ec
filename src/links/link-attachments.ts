import type { EntityManager } from 'typeorm';
import { recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { lockLateFields } from '../database/lock-order.js';
import { compareTexts } from '../database/page.js';
import { readRows } from '../database/read-rows.js';
import { Faults } from '../errors.js';
import type { Changes } from '../model/changes.js';
import { checkName, checkRecord, type RecordRef } from '../model/record.js';
import { readAttachments, type StoredAttachment } from '../model/stored-attachment.js';
import type { Policy } from '../policies/check-policy.js';
import { choosePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import { changeLinks, checkRoom, type LinkMode, maxLinks } from './change-links.js';

export interface LinkAttachmentsDependencies {
  database: Database;
  clock: () => Date;
  unlinkedRetentionMs: number;
  policies: PolicyBook;
  changes: Changes;
  /** Told how many links the field then has. Throws where those are too many to answer with: nothing is done then. */
  assertAnswerable(linkCount: number): void;
}

/** A link of the field as the transaction that has changed it has left it. */
export interface StoredLink {
  /** Counts from 0. */
  position: number;
  stored: StoredAttachment;
}

export interface LinkedAttachments {
  field: RecordFieldRow;
  /** All that the field holds now, in order. */
  links: StoredLink[];
  unlinked: StoredAttachment[];
}

export interface LinkAttachments {
  record: RecordRef;
  field: string;
  attachmentIds: readonly string[];
  mode: LinkMode;
  expectedVersion: number | null;
  /** Seconds to wait for outstanding verdicts once the links are written; 0 to 10. */
  holdSeconds: number;
}

/**
 * Puts attachments into a record's field, or takes them out of it: all that are named, in order, or none. The result is made
 * of the rows that its transaction has seen. What is to be taken out and is not there is passed over. Throws NOT_FOUND, ALREADY_CLAIMED, TOO_MANY_ATTACHMENTS, VERSION_CONFLICT,
 * BAD_USER_INPUT, and what the field's policy does not accept.
 *
 * @example
 * await linkAttachments(deps, viewer, { record, field: 'files', attachmentIds, mode: 'ADD', expectedVersion: 3, holdSeconds: 0 });
 */
export async function linkAttachments(
  deps: LinkAttachmentsDependencies,
  viewer: Viewer,
  input: LinkAttachments,
): Promise<LinkedAttachments> {
  const { database, clock, unlinkedRetentionMs, policies, changes } = deps;
  const policy = checkInput(policies, input);
  const { changed, ...linked } = await database.write(async (manager) => {
    const { field, unlinked, placed, next, added } = await changeLinks(manager, viewer, {
      ...input,
      policy,
      retentionMs: unlinkedRetentionMs,
      clock,
      locOf: (index) => ['input', 'attachmentIds', index],
    });
    deps.assertAnswerable(next.length);
    const known = new Set(added.map(({ attachment }) => attachment.id));
    const others = [...unlinked, ...next].filter((id) => !known.has(id));
    const concerned = [...added, ...(await readAttachments(manager, viewer, others))];
    const moved = inOrder([...unlinked, ...placed], concerned).map(({ attachment }) => attachment);
    const changed = await changes.describe(manager, moved, [input.record]);
    const links = inOrder(next, concerned).map((stored, position) => ({ position, stored }));
    return { field, links, unlinked: inOrder(unlinked, concerned), changed };
  });
  changes.publish(changed);
  return linked;
}

/** Returns the field's policy, or throws every fault of the input. What is no longer eligible can still be removed. */
function checkInput(policies: PolicyBook, input: LinkAttachments): Policy | null {
  const faults = new Faults();
  checkRecord(faults, input.record, ['input', 'record']);
  checkName(faults, input.field, ['input', 'field']);
  checkHold(faults, input.holdSeconds);
  checkRoom(faults, input.attachmentIds.length, maxLinks, ['input', 'attachmentIds']);
  const seen = new Set<string>();
  for (const [index, id] of input.attachmentIds.slice(0, maxLinks).entries()) {
    if (seen.has(id)) {
      faults.add('duplicate', ['input', 'attachmentIds', index], 'The id is named twice.');
    }
    seen.add(id);
  }
  const policy =
    input.mode === 'REMOVE'
      ? null
      : choosePolicy(faults, policies, { record: input.record, field: input.field });
  faults.throwIfAny();
  return policy;
}

const maxHoldSeconds = 10;

function checkHold(faults: Faults, seconds: number): void {
  if (seconds >= 0 && seconds <= maxHoldSeconds) return;
  const msg = `Must be from 0 to ${maxHoldSeconds}.`;
  faults.add('out_of_range', ['input', 'holdSeconds'], msg, { limit: maxHoldSeconds });
}

function inOrder(ids: readonly string[], found: readonly StoredAttachment[]): StoredAttachment[] {
  const byId = new Map(found.map((stored) => [stored.attachment.id, stored]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** Takes attachments out of every field, inside the caller's transaction. Returns the links that there were. */
export async function unlinkEverywhere(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<LinkRow[]> {
  const links = await readRows(manager, LinkRow, (sql) => sql.isOneOf('attachment_id', attachmentIds));
  links.sort((one, other) => compareTexts(one.fieldId, other.fieldId));
  await lockLateFields(
    manager,
    links.map(({ fieldId }) => fieldId),
  );
  for (const { fieldId, attachmentId } of links) await unlinkFromField(manager, fieldId, attachmentId);
  return links;
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

/**
 * Takes a rejected attachment out of its fields, and records it. It enters its retention, as if it had been unlinked: one that a record
 * has claimed, only from a field of that record.
 */
export async function dropFromFields(
  manager: EntityManager,
  { id, organizationId, recordType, recordId }: AttachmentRow,
  { now, retentionMs }: { now: Date; retentionMs: number },
): Promise<void> {
  const links = await unlinkEverywhere(manager, [id]);
  if (links.length === 0) return;
  const fields = await recordUnlinked(manager, links, organizationId, now);
  const hasLeftOwner = fields.some((field) => field.recordType === recordType && field.recordId === recordId);
  if (retentionMs === 0 || (recordId !== null && !hasLeftOwner)) return;
  await manager.update(
    AttachmentRow,
    { id, organizationId },
    { expiresAt: new Date(now.getTime() + retentionMs) },
  );
}

/** Returns the fields. */
async function recordUnlinked(
  manager: EntityManager,
  links: readonly LinkRow[],
  organizationId: string,
  at: Date,
): Promise<RecordFieldRow[]> {
  const fieldIds = links.map(({ fieldId }) => fieldId);
  const fields = await readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)} AND ${sql.isOneOf('id', fieldIds)}`,
  );
  const byId = new Map(fields.map((field) => [field.id, field]));
  const events = links.map(({ fieldId, attachmentId: subjectId }) => {
    const { recordType: type, recordId: id, name: field } = byId.get(fieldId) ?? {};
    const details = { record: { type, id }, field, because: 'REJECTED' };
    const event = { action: 'ATTACHMENT_UNLINKED', subjectId, at, details } as const;
    return [{ organizationId, principal: null }, event] as const;
  });
  await recordEvents(manager, events);
  return fields;
}
