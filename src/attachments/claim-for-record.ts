import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { errorTable } from '../errors.js';
import { Faults } from '../faults.js';
import type { RecordRef } from './record.js';
import { readAttachments } from './stored-attachment.js';

/** Tells where in the input the attachment of this index was named. */
export type LocOf = (index: number) => (string | number)[];

/**
 * Makes `record` the owner of all these attachments, in one conditional update: of those that are unclaimed and the
 * viewer's own, and of those that are the record's already. Where that is not all of them it throws, naming each of the
 * others; the surrounding transaction must then be undone.
 */
export async function claimForRecord(
  manager: EntityManager,
  viewer: Viewer,
  record: RecordRef,
  ids: readonly string[],
  now: Date,
  locOf: LocOf,
): Promise<void> {
  if (ids.length === 0) return;
  const { affected } = await manager
    .createQueryBuilder()
    .update(AttachmentRow)
    .set({
      recordType: record.type,
      recordId: record.id,
      shared: true,
      claimedAt: () => 'COALESCE(claimed_at, :claimedAt)',
      expiresAt: null,
      updatedAt: now,
    })
    .where('id IN (:...ids) AND organization_id = :organizationId', {
      ids,
      organizationId: viewer.organizationId,
    })
    .andWhere(
      '((record_id IS NULL AND created_by_id = :creator) OR (record_type = :recordType AND record_id = :recordId))',
      { creator: viewer.principal.id, recordType: record.type, recordId: record.id },
    )
    .setParameter('claimedAt', now.getTime())
    .updateEntity(false)
    .execute();
  if (affected !== ids.length) await refuse(manager, viewer, record, ids, locOf);
}

/** Says of each attachment that could not be claimed why: not there for this viewer, or another record's. */
async function refuse(
  manager: EntityManager,
  viewer: Viewer,
  record: RecordRef,
  ids: readonly string[],
  locOf: LocOf,
): Promise<void> {
  const visible = new Map(
    (await readAttachments(manager, viewer, ids)).map(({ attachment }) => [attachment.id, attachment]),
  );
  const faults = new Faults();
  for (const [index, id] of ids.entries()) {
    const attachment = visible.get(id);
    if (!attachment || (attachment.recordId === null && attachment.createdById !== viewer.principal.id)) {
      faults.add('NOT_FOUND', locOf(index), 'not_found', errorTable.NOT_FOUND.message);
    } else if (attachment.recordType !== record.type || attachment.recordId !== record.id) {
      faults.add('ALREADY_CLAIMED', locOf(index), 'already_claimed', errorTable.ALREADY_CLAIMED.message);
    }
  }
  faults.throwIfAny();
}
