import type { EntityManager } from 'typeorm';
import type { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow } from '../database/entities/link.js';
import { RecordFieldRow } from '../database/entities/record-field.js';
import type { Change } from './changes.js';
import type { RecordRef } from './record.js';

interface Place extends RecordRef {
  attachmentId: string;
}

/**
 * What to publish of these attachments after the commit of the caller's transaction: with every record that owns or links to
 * one just now, and with those it has `left` before. Of what is about to go, it must be asked before.
 */
export async function describeChanges(
  manager: EntityManager,
  attachments: readonly AttachmentRow[],
  left: readonly RecordRef[] = [],
): Promise<Change[]> {
  const links = await readPlaces(
    manager,
    attachments.map(({ id }) => id),
  );
  return attachments.map(({ id: attachmentId, organizationId, recordType, recordId }) => {
    const owner = recordType !== null && recordId !== null ? [{ type: recordType, id: recordId }] : [];
    return {
      organizationId,
      attachmentId,
      records: distinct([...owner, ...(links.get(attachmentId) ?? []), ...left]),
    };
  });
}

async function readPlaces(
  manager: EntityManager,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RecordRef[]>> {
  const places = new Map<string, RecordRef[]>();
  if (ids.length === 0) return places;
  const rows = await manager
    .createQueryBuilder(LinkRow, 'link')
    .innerJoin(RecordFieldRow, 'field', 'field.id = link.fieldId')
    .select('link.attachmentId', 'attachmentId')
    .addSelect('field.recordType', 'type')
    .addSelect('field.recordId', 'id')
    .where('link.attachmentId IN (:...ids)', { ids })
    .getRawMany<Place>();
  for (const { attachmentId, type, id } of rows) {
    places.set(attachmentId, [...(places.get(attachmentId) ?? []), { type, id }]);
  }
  return places;
}

function distinct(records: readonly RecordRef[]): RecordRef[] {
  return [...new Map(records.map(({ type, id }) => [JSON.stringify([type, id]), { type, id }])).values()];
}
