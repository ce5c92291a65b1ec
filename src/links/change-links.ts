import type { EntityManager } from 'typeorm';
import { type AuditAction, recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { LinkRow, type RecordFieldRow } from '../database/entities/record-field.js';
import { insertRows } from '../database/insert-row.js';
import { lockAttachments } from '../database/lock-order.js';
import { changeRows } from '../database/read-rows.js';
import { Faults, fault } from '../errors.js';
import type { RecordRef } from '../model/record.js';
import { readWithVerdictsKept, type StoredAttachment } from '../model/stored-attachment.js';
import type { Policy } from '../policies/check-policy.js';
import {
  claimForRecord,
  isRecords,
  type LocOf,
  recheckContents,
  shareWithRecord,
} from './claim-for-record.js';
import { countChange, readLinksOfFields, uncountChange } from './read-fields.js';

/** Attachments that one field can hold, whatever its policy says. */
export const maxLinks = 1_000;

export interface LinkChange {
  record: RecordRef;
  field: string;
  attachmentIds: readonly string[];
  mode: LinkMode;
  expectedVersion: number | null;
  /** The policy of the field; null if nothing is added. */
  policy: Policy | null;
  /** How long an attachment stays once no field links to it any more, in milliseconds; 0 is for good. */
  retentionMs: number;
  /** Asked once all is locked: of changes that wait for each other the later one has the later instant. */
  clock(): Date;
  locOf: LocOf;
  /** Orders all that the field is about to hold; as they came if left out. */
  arrange?(ids: readonly string[]): string[];
  /** The audit log is told of it in another way. */
  isUnrecorded?: boolean;
  /** Those of the attachments that `make` makes once there is room for them: fit for the policy, and the record's as it says. */
  made?: { ids: ReadonlySet<string>; make(): Promise<void> };
}

/** A change whose turn has come. */
interface Timed extends LinkChange {
  now: Date;
}

export interface ChangedLinks {
  field: RecordFieldRow;
  /** Ids of those that this change has taken out of the field. */
  unlinked: string[];
  /** Ids of those that it has put into the field, or elsewhere in it. */
  placed: string[];
  /** Ids of all that the field holds now, in order. */
  next: string[];
  /** Those that are new in it, but for what the change has made, as they are now. */
  added: StoredAttachment[];
}

/**
 * Changes what a field links to, inside the caller's transaction: all of it, or none where it throws (NOT_FOUND,
 * ALREADY_CLAIMED, VERSION_CONFLICT, TOO_MANY_ATTACHMENTS, and what the field's policy does not accept). In an EXCLUSIVE
 * field linking claims; what is unlinked stays the record's.
 */
export async function changeLinks(
  manager: EntityManager,
  viewer: Viewer,
  asked: LinkChange,
): Promise<ChangedLinks> {
  const field = await countChange(manager, viewer, asked.record, asked.field);
  const before = { ...field, version: field.version - 1 };
  assertVersion(before, asked.expectedVersion);
  // One that was never changed has none.
  const current = before.version === 0 ? [] : await readLinksOfFields(manager, [field.id]);
  const plan = planLinks(
    asked.mode,
    current.map(({ attachmentId }) => attachmentId),
    asked.attachmentIds,
  );
  if (asked.arrange) plan.next = asked.arrange(plan.next);
  if (!plan.changes) {
    await uncountChange(manager, field);
    return { field: before, unlinked: [], placed: [], next: plan.next, added: [] };
  }
  await holdAttachments(manager, viewer, plan, asked.made?.ids);
  const change = { ...asked, now: asked.clock() };
  const added = plan.added.length > 0 ? await addLinks(manager, viewer, change, plan) : [];
  await removeLinks(manager, field, plan.removed);
  const placed = await placeLinks(manager, field, current, plan.next, change.now);
  await startRetention(manager, viewer, plan.removed, change);
  if (!change.isUnrecorded) await recordLinks(manager, viewer, change, plan);
  return { field, unlinked: plan.removed, placed, next: plan.next, added };
}

/**
 * Waits for others that change what is to be put in or taken out, before its links are looked at: a statement that waits would see
 * those of before. All are locked at once, for two who swap attachments between two fields would block each other.
 */
async function holdAttachments(
  manager: EntityManager,
  viewer: Viewer,
  { added, removed }: LinkPlan,
  made: ReadonlySet<string> = new Set(),
): Promise<void> {
  const ids = [...added.filter((id) => !made.has(id)), ...removed];
  await lockAttachments(manager, viewer, ids);
}

async function recordLinks(
  manager: EntityManager,
  viewer: Viewer,
  { record, field, now: at }: Timed,
  { added, removed }: LinkPlan,
): Promise<void> {
  const details = { record, field };
  const toEvents = (action: AuditAction, ids: readonly string[]) =>
    ids.map((subjectId) => [viewer, { action, subjectId, at, details }] as const);
  await recordEvents(manager, [
    ...toEvents('ATTACHMENT_LINKED', added),
    ...toEvents('ATTACHMENT_UNLINKED', removed),
  ]);
}

/** Takes what is new to the field for its record, where the policy accepts all of it. */
async function addLinks(
  manager: EntityManager,
  viewer: Viewer,
  { policy, record, now, attachmentIds, locOf, made }: Timed,
  { added, next }: LinkPlan,
): Promise<StoredAttachment[]> {
  if (!policy) throw new Error('Nothing can be added without a policy.');
  const faults = new Faults();
  checkRoom(faults, next.length, policy.maxCount ?? maxLinks, locOf(0).slice(0, 2));
  faults.throwIfAny();
  await made?.make();
  const ids = made ? added.filter((id) => !made.ids.has(id)) : added;
  const places = new Map(attachmentIds.map((id, index) => [id, index]));
  const locOfId = (id = '') => locOf(places.get(id) ?? -1);
  const take = policy.sharing === 'SHARED' ? shareWithRecord : claimForRecord;
  const taking = { record, ids, now, locOf: (index: number) => locOfId(ids[index]) };
  // A verdict that comes meanwhile waits, and then finds the links.
  const found = await readWithVerdictsKept(manager, viewer, await take(manager, viewer, faults, taking));
  const locOfFound: LocOf = (index) => locOfId(found[index]?.attachment.id);
  for (const [index, { blob }] of found.entries())
    if (blob.verdict === 'REJECTED') faults.add('rejected', locOfFound(index), 'It has been rejected.');
  const attachments = found.map(({ attachment }) => attachment);
  await recheckContents(manager, viewer, { faults, policy, locOf: locOfFound }, attachments);
  faults.throwIfAny();
  return found;
}

/** Notes a fault where a field would hold more than it can. */
export function checkRoom(faults: Faults, count: number, limit: number, loc: (string | number)[]): void {
  if (count <= limit) return;
  const msg = `The field would hold ${count} attachments; at most ${limit} are allowed.`;
  faults.add('too_many', loc, msg, { code: 'TOO_MANY_ATTACHMENTS', limit });
}

async function removeLinks(manager: EntityManager, field: RecordFieldRow, removed: string[]): Promise<void> {
  if (removed.length === 0) return;
  await changeRows(
    manager,
    (sql) =>
      `DELETE FROM links WHERE field_id = ${sql.add(field.id)} AND ${sql.isOneOf('attachment_id', removed)}`,
  );
}

/** Writes only those links that are new or have moved. Returns the ids of their attachments. */
async function placeLinks(
  manager: EntityManager,
  field: RecordFieldRow,
  current: readonly LinkRow[],
  next: readonly string[],
  now: Date,
): Promise<string[]> {
  const known = new Map(current.map((link) => [link.attachmentId, link]));
  const moved = next.flatMap((attachmentId, position) => {
    const link = known.get(attachmentId);
    if (link?.position === position) return [];
    return [{ fieldId: field.id, attachmentId, position, createdAt: link?.createdAt ?? now }];
  });
  await insertRows(manager, LinkRow, moved, { orUpdate: ['position'] });
  return moved.map(({ attachmentId }) => attachmentId);
}

/** An attachment that has left its last field lives on for the retention, or for good if a record has claimed it or the setting says so. */
async function startRetention(
  manager: EntityManager,
  { organizationId }: Viewer,
  removed: string[],
  { retentionMs, now, record }: Timed,
): Promise<void> {
  if (removed.length === 0) return;
  const expiresAt = retentionMs === 0 ? null : now.getTime() + retentionMs;
  await changeRows(
    manager,
    (
      sql,
    ) => `UPDATE attachments SET expires_at = ${sql.add(expiresAt)}, updated_at = ${sql.add(now.getTime())}
      WHERE ${sql.isOneOf('id', removed)} AND organization_id = ${sql.add(organizationId)}
        AND NOT EXISTS (SELECT 1 FROM links WHERE links.attachment_id = attachments.id)
        AND (record_id IS NULL OR ${isRecords(sql, record)})`,
  );
}

/** Throws VERSION_CONFLICT unless the field is at the version that the caller has seen. */
function assertVersion(field: RecordFieldRow, expected: number | null): void {
  if (expected === null || expected === field.version) return;
  const msg = `The field is at version ${field.version}, not ${expected}.`;
  throw fault('version_conflict', ['input', 'expectedVersion'], msg);
}

export type LinkMode = 'REPLACE' | 'ADD' | 'REMOVE';

/** The new content of a field, and the difference to its present one. All three are in order. */
export interface LinkPlan {
  next: string[];
  added: string[];
  removed: string[];
  /** False where the field already holds exactly `next`. */
  changes: boolean;
}

/** `current` is what the field holds, `given` what the caller named; neither holds an id twice. */
function planLinks(mode: LinkMode, current: readonly string[], given: readonly string[]): LinkPlan {
  const next = nextLinks(mode, current, given);
  const before = new Set(current);
  const after = new Set(next);
  return {
    next,
    added: next.filter((id) => !before.has(id)),
    removed: current.filter((id) => !after.has(id)),
    changes: next.length !== current.length || next.some((id, position) => current[position] !== id),
  };
}

function nextLinks(mode: LinkMode, current: readonly string[], given: readonly string[]): string[] {
  switch (mode) {
    case 'REPLACE':
      return [...given];
    case 'ADD':
      return [...new Set([...current, ...given])];
    case 'REMOVE': {
      const gone = new Set(given);
      return current.filter((id) => !gone.has(id));
    }
  }
}
