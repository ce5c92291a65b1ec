import { type EntityManager, In } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow } from '../database/entities/link.js';
import type { RecordFieldRow } from '../database/entities/record-field.js';
import { Faults } from '../faults.js';
import { claimForRecord, type LocOf } from './claim-for-record.js';
import { assertVersion, bumpVersion, lockField } from './lock-field.js';
import { type LinkMode, planLinks } from './plan-links.js';
import type { RecordRef } from './record.js';

/** What one field can hold, whatever its policy says. */
export const maxLinks = 1_000;

export interface LinkChange {
  record: RecordRef;
  field: string;
  attachmentIds: readonly string[];
  mode: LinkMode;
  expectedVersion: number | null;
  /** How long an attachment stays once no field links to it any more, in milliseconds; 0 is for good. */
  retentionMs: number;
  now: Date;
  locOf: LocOf;
}

export interface ChangedLinks {
  field: RecordFieldRow;
  /** Ids of those that this change has taken out of the field. */
  unlinked: string[];
}

/**
 * Changes what a field links to, inside the caller's transaction: all of it, or none where it throws (NOT_FOUND,
 * ALREADY_CLAIMED, VERSION_CONFLICT, TOO_MANY_ATTACHMENTS). Linking claims; what is unlinked stays the record's.
 */
export async function changeLinks(
  manager: EntityManager,
  viewer: Viewer,
  change: LinkChange,
): Promise<ChangedLinks> {
  const field = await lockField(manager, viewer, change.record, change.field);
  assertVersion(field, change.expectedVersion);
  const current = await manager.find(LinkRow, { where: { fieldId: field.id }, order: { position: 'ASC' } });
  const plan = planLinks(
    change.mode,
    current.map(({ attachmentId }) => attachmentId),
    change.attachmentIds,
  );
  assertRoom(plan.next.length);
  if (!plan.changes) return { field, unlinked: [] };
  await claimForRecord(manager, viewer, change.record, plan.added, change.now, (index) =>
    change.locOf(change.attachmentIds.indexOf(plan.added[index] ?? '')),
  );
  await removeLinks(manager, field, plan.removed);
  await placeLinks(manager, field, current, plan.next, change.now);
  await startRetention(manager, plan.removed, change);
  return { field: await bumpVersion(manager, field), unlinked: plan.removed };
}

/** Notes a fault where a field would hold more than it can. */
export function checkRoom(faults: Faults, count: number): void {
  if (count <= maxLinks) return;
  const msg = `The field would hold ${count} attachments; at most ${maxLinks} are allowed.`;
  faults.add('TOO_MANY_ATTACHMENTS', ['input', 'attachmentIds'], 'too_many', msg, maxLinks);
}

function assertRoom(count: number): void {
  const faults = new Faults();
  checkRoom(faults, count);
  faults.throwIfAny();
}

async function removeLinks(manager: EntityManager, field: RecordFieldRow, removed: string[]): Promise<void> {
  if (removed.length > 0) await manager.delete(LinkRow, { fieldId: field.id, attachmentId: In(removed) });
}

/** Writes only those links that are new or have moved. */
async function placeLinks(
  manager: EntityManager,
  field: RecordFieldRow,
  current: readonly LinkRow[],
  next: readonly string[],
  now: Date,
): Promise<void> {
  const known = new Map(current.map((link) => [link.attachmentId, link]));
  const moved = next.flatMap((attachmentId, position) => {
    const link = known.get(attachmentId);
    if (link?.position === position) return [];
    return [{ fieldId: field.id, attachmentId, position, createdAt: link?.createdAt ?? now }];
  });
  if (moved.length > 0) await manager.upsert(LinkRow, moved, ['fieldId', 'attachmentId']);
}

/** What has left its last field lives on for the retention, unless it is kept for good. */
async function startRetention(
  manager: EntityManager,
  removed: string[],
  { retentionMs, now }: LinkChange,
): Promise<void> {
  if (removed.length === 0) return;
  await manager
    .createQueryBuilder()
    .update(AttachmentRow)
    .set({ expiresAt: retentionMs === 0 ? null : new Date(now.getTime() + retentionMs), updatedAt: now })
    .where('id IN (:...removed)', { removed })
    .andWhere('NOT EXISTS (SELECT 1 FROM links WHERE links.attachment_id = attachments.id)')
    .updateEntity(false)
    .execute();
}
