import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { changeRows, type Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';
import { errorTable, Faults, fault } from '../errors.js';
import type { RecordRef } from '../model/record.js';
import { findAttachment, notFound, readAttachments } from '../model/stored-attachment.js';
import { readVersions, withContent } from '../model/versions.js';
import { type Policy, recheckPolicy } from '../policies/check-policy.js';

/** Tells where in the input the attachment of this index was named. */
export type LocOf = (index: number) => (string | number)[];

/** Attachments that a record is about to own or to link to. */
export interface Taking {
  record: RecordRef;
  ids: readonly string[];
  now: Date;
  locOf: LocOf;
}

/** A condition: the record owns the attachment. */
export const isRecords = (sql: Parameters, { type, id }: RecordRef): string =>
  `(record_type = ${sql.add(type)} AND record_id = ${sql.add(id)})`;

/** Takes attachments for a record. Returns the ids of those that it can take, and notes a fault of each other one. */
type Take = (manager: EntityManager, viewer: Viewer, faults: Faults, taking: Taking) => Promise<string[]>;

/**
 * Makes a record the owner of all these attachments, in one conditional update: of those that are unclaimed and the
 * viewer's own, and of those that are the record's already. Where that is not all of them it notes NOT_FOUND or
 * ALREADY_CLAIMED of each of the others; the surrounding transaction must then be undone.
 */
export const claimForRecord: Take = async (manager, viewer, faults, taking) => {
  const updated = await updateAll(manager, viewer, taking, {
    set: (sql) => owned(sql, taking),
    where: (sql) => `((record_id IS NULL AND ${isOwn(sql, viewer)}) OR ${isRecords(sql, taking.record)})`,
    isSet: (sql) =>
      `${isRecords(sql, taking.record)} AND shared AND expires_at IS NULL AND claimed_at IS NOT NULL`,
  });
  if (updated) return [...taking.ids];
  const isFree = ({ createdById }: AttachmentRow) => createdById === viewer.principal.id;
  return noteRefused(manager, viewer, faults, { ...taking, isFree });
};

/**
 * Makes a record the owner of one attachment. False: it was the record's before, and nothing has changed. Throws NOT_FOUND or
 * ALREADY_CLAIMED; the surrounding transaction must then be undone.
 */
export async function claimOne(
  manager: EntityManager,
  viewer: Viewer,
  { attachmentId, ...taking }: Omit<Taking, 'ids'> & { attachmentId: string },
): Promise<boolean> {
  const one = { ...taking, ids: [attachmentId] };
  // If two claims come at once, the second waits here and then finds an owner.
  const isNew = await updateAll(manager, viewer, one, {
    set: (sql) => owned(sql, one),
    where: (sql) => `record_id IS NULL AND ${isOwn(sql, viewer)}`,
  });
  const faults = new Faults();
  if (!isNew) await noteRefused(manager, viewer, faults, { ...one, isFree: () => false });
  faults.throwIfAny();
  return isNew;
}

/**
 * Lets a record link to all these attachments without owning them: to the viewer's own and to those that are already shared, unless
 * another record owns them. Notes faults as `claimForRecord` does.
 */
export const shareWithRecord: Take = async (manager, viewer, faults, taking) => {
  const updated = await updateAll(manager, viewer, taking, {
    set: (sql) => shared(sql, taking),
    where: (sql) =>
      `((record_id IS NULL AND (${isOwn(sql, viewer)} OR shared)) OR ${isRecords(sql, taking.record)})`,
    isSet: (sql) =>
      `(record_id IS NULL OR ${isRecords(sql, taking.record)}) AND shared AND expires_at IS NULL`,
  });
  if (updated) return [...taking.ids];
  return noteRefused(manager, viewer, faults, { ...taking, isFree: () => true });
};

/**
 * Makes another record the owner of an attachment that `from` owns. Throws NOT_FOUND, or ALREADY_CLAIMED if `from` does not own it;
 * the surrounding transaction must then be undone.
 */
export async function handOver(
  manager: EntityManager,
  viewer: Viewer,
  { attachmentId, from, to, now }: { attachmentId: string; from: RecordRef; to: RecordRef; now: Date },
): Promise<void> {
  const taking = { record: to, ids: [attachmentId], now, locOf: () => ['input', 'attachmentId'] };
  const isDone = await updateAll(manager, viewer, taking, {
    set: (sql) => `record_type = ${sql.add(to.type)}, record_id = ${sql.add(to.id)}, ${shared(sql, taking)},
      claimed_at = ${sql.add(now.getTime())}`,
    where: (sql) => isRecords(sql, from),
  });
  if (isDone) return;
  const stored = await findAttachment(manager, viewer, attachmentId);
  if (!stored) throw notFound(['input', 'attachmentId']);
  const isClaimed = stored.attachment.recordId !== null;
  const message = isClaimed ? errorTable.ALREADY_CLAIMED.message : 'No record has claimed the attachment.';
  throw fault(isClaimed ? 'already_claimed' : 'not_claimed', ['input', 'from'], message, { message });
}

const isOwn = (sql: Parameters, { principal }: Viewer): string => `created_by_id = ${sql.add(principal.id)}`;

const shared = (sql: Parameters, { now }: Taking): string =>
  `shared = ${sql.add(true)}, expires_at = NULL, updated_at = ${sql.add(now.getTime())}`;

const owned = (sql: Parameters, taking: Taking): string =>
  `record_type = ${sql.add(taking.record.type)}, record_id = ${sql.add(taking.record.id)}, ${shared(sql, taking)},
    claimed_at = COALESCE(claimed_at, ${sql.add(taking.now.getTime())})`;

type Composed = (sql: Parameters) => string;

interface Update {
  set: Composed;
  /** A condition: the attachment may be updated. */
  where: Composed;
  /** A condition, if there may be many: nothing but `updated_at` would change. */
  isSet?: Composed;
}

/** For so many it pays to keep those apart of which only `updated_at` changes. */
const manyIds = 16;

/**
 * Returns whether all of them have been updated. SQLite writes every index anew whose columns a statement sets, also to what they
 * have; PostgreSQL does not.
 */
async function updateAll(
  manager: EntityManager,
  { organizationId }: Viewer,
  { ids, now }: Taking,
  { set, where, isSet }: Update,
): Promise<boolean> {
  if (ids.length === 0) return true;
  const update = (values: Composed, condition: Composed) =>
    changeRows(
      manager,
      (sql) => `UPDATE attachments SET ${values(sql)}
        WHERE ${sql.isOneOf('id', ids)} AND organization_id = ${sql.add(organizationId)} AND ${condition(sql)}`,
    );
  if (!isSet || ids.length < manyIds || hasRowLocks(manager))
    return (await update(set, where)) === ids.length;
  // As one value: by its parts SQLite would walk all that the record has.
  const touched = await update(
    (sql) => `updated_at = ${sql.add(now.getTime())}`,
    (sql) => `(${isSet(sql)}) IS TRUE`,
  );
  if (touched === ids.length) return true;
  const changed = await update(set, (sql) => `${where(sql)} AND (${isSet(sql)}) IS NOT TRUE`);
  return touched + changed === ids.length;
}

/**
 * Notes of each attachment that could not be taken why: another record's, or as good as not there for this viewer. `isFree`
 * is asked of those that the viewer sees and no record owns. Returns the ids of the others.
 */
async function noteRefused(
  manager: EntityManager,
  viewer: Viewer,
  faults: Faults,
  { record, ids, locOf, isFree }: Taking & { isFree(attachment: AttachmentRow): boolean },
): Promise<string[]> {
  const visible = new Map(
    (await readAttachments(manager, viewer, ids)).map(({ attachment }) => [attachment.id, attachment]),
  );
  return ids.filter((id, index) => {
    const attachment = visible.get(id);
    if (attachment?.recordId === record.id && attachment.recordType === record.type) return true;
    const isClaimed = attachment !== undefined && attachment.recordId !== null;
    if (attachment && !isClaimed && isFree(attachment)) return true;
    const type = isClaimed ? 'already_claimed' : 'not_found';
    faults.add(type, locOf(index), errorTable[isClaimed ? 'ALREADY_CLAIMED' : 'NOT_FOUND'].message);
    return false;
  });
}

/**
 * Notes what keeps attachments from where this policy holds: their content, and any that will take its place once it is approved.
 * The attachments are locked, so that no other content comes meanwhile.
 */
export async function recheckContents(
  manager: EntityManager,
  viewer: Viewer,
  { faults, policy, locOf }: { faults: Faults; policy: Policy; locOf: LocOf },
  attachments: readonly AttachmentRow[],
): Promise<void> {
  for (const [index, attachment] of attachments.entries())
    recheckPolicy(faults, policy, attachment, locOf(index));
  const ids = attachments.map(({ id }) => id);
  const indexes = new Map(ids.map((id, index) => [id, index]));
  for (const { version, blob } of await readVersions(manager, viewer, ids)) {
    const index = indexes.get(version.attachmentId) ?? -1;
    const attachment = attachments[index];
    if (!attachment || version.approvedAt !== null || blob.verdict === 'REJECTED') continue;
    recheckPolicy(faults, policy, withContent(attachment, version), locOf(index));
  }
}
