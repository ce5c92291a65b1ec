import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { maxTotal, type Total, toTotal } from '../database/page.js';
import { In } from '../database/typeorm.js';
import type { RecordRef } from '../model/record.js';

export interface FieldKey {
  record: RecordRef;
  name: string;
}

/** `(:p0, :p1), (:p2, :p3)` and its parameters, for comparing with many rows at once. */
function rowValues(rows: readonly (readonly string[])[]): {
  sql: string;
  parameters: Record<string, string>;
} {
  const parameters: Record<string, string> = {};
  const tuples = rows.map((row, r) => {
    const names = row.map((value, c) => {
      parameters[`v${r}_${c}`] = value;
      return `:v${r}_${c}`;
    });
    return `(${names.join(', ')})`;
  });
  return { sql: tuples.join(', '), parameters };
}

/** The fields among these that have ever been linked to. */
export async function readFields(
  manager: EntityManager,
  viewer: Viewer,
  keys: readonly FieldKey[],
): Promise<RecordFieldRow[]> {
  if (keys.length === 0) return [];
  const { sql, parameters } = rowValues(keys.map(({ record, name }) => [record.type, record.id, name]));
  return manager
    .createQueryBuilder(RecordFieldRow, 'field')
    .where('field.organizationId = :organizationId', { organizationId: viewer.organizationId })
    .andWhere(`(field.record_type, field.record_id, field.name) IN (VALUES ${sql})`, parameters)
    .getMany();
}

/** Every field of these records that has ever been linked to, by name. */
export async function readFieldsOfRecords(
  manager: EntityManager,
  viewer: Viewer,
  records: readonly RecordRef[],
): Promise<RecordFieldRow[]> {
  if (records.length === 0) return [];
  const { sql, parameters } = rowValues(records.map(({ type, id }) => [type, id]));
  return manager
    .createQueryBuilder(RecordFieldRow, 'field')
    .where('field.organizationId = :organizationId', { organizationId: viewer.organizationId })
    .andWhere(`(field.record_type, field.record_id) IN (VALUES ${sql})`, parameters)
    .orderBy('field.name')
    .getMany();
}

/** All links of these fields, in order. */
export async function readLinksOfFields(
  manager: EntityManager,
  fieldIds: readonly string[],
): Promise<LinkRow[]> {
  return manager.find(LinkRow, { where: { fieldId: In([...fieldIds]) }, order: { position: 'ASC' } });
}

/** The first `limit` links of each of these attachments, by field id, those up to `afterFieldId` left out. */
export async function readLinksOfAttachments(
  manager: EntityManager,
  attachmentIds: readonly string[],
  limit: number,
  afterFieldId: string,
): Promise<LinkRow[]> {
  const ranked = manager
    .createQueryBuilder()
    .select('link.field_id', 'fieldId')
    .addSelect('link.attachment_id', 'attachmentId')
    .addSelect('ROW_NUMBER() OVER (PARTITION BY link.attachment_id ORDER BY link.field_id)', 'rank')
    .from(LinkRow, 'link')
    .where('link.attachment_id IN (:...attachmentIds) AND link.field_id > :afterFieldId');
  return manager
    .createQueryBuilder(LinkRow, 'link')
    .innerJoin(
      `(${ranked.getQuery()})`,
      'ranked',
      'ranked."fieldId" = link.fieldId AND ranked."attachmentId" = link.attachmentId',
    )
    .where('ranked."rank" <= :limit', { limit, attachmentIds, afterFieldId })
    .orderBy('link.fieldId')
    .getMany();
}

/** How many links each of these attachments has. */
export async function countLinks(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<Map<string, Total>> {
  const counted = `(SELECT COUNT(*) FROM (SELECT 1 FROM links WHERE links.attachment_id = a.id LIMIT :most) l)`;
  const rows = await manager
    .createQueryBuilder(AttachmentRow, 'a')
    .select('a.id', 'id')
    .addSelect(counted, 'count')
    .where('a.id IN (:...attachmentIds)', { attachmentIds, most: maxTotal + 1 })
    .getRawMany<{ id: string; count: number | string }>();
  return new Map(rows.map(({ id, count }) => [id, toTotal(Number(count))]));
}
