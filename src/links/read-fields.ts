import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { LinkRow, RecordFieldRow } from '../database/entities/record-field.js';
import { compareTexts, maxTotal, type Stretch, type Total, toTotal } from '../database/page.js';
import { changeRows, Parameters, readJoined, readRows } from '../database/read-rows.js';
import type { RecordRef } from '../model/record.js';
import { newId } from '../new-id.js';

export interface FieldKey {
  record: RecordRef;
  name: string;
}

/** The fields among these that have ever been linked to. */
export async function readFields(
  manager: EntityManager,
  { organizationId }: Viewer,
  keys: readonly FieldKey[],
): Promise<RecordFieldRow[]> {
  if (keys.length === 0) return [];
  const rows = keys.map(({ record, name }) => [record.type, record.id, name]);
  return readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)}
      AND ${sql.areOneOf(['record_type', 'record_id', 'name'], rows)}`,
  );
}

/**
 * Counts one change of the field's links, which is about to be made, and makes the field at need: nobody else changes them until the
 * transaction ends. Returns the row as it is then.
 */
export async function countChange(
  manager: EntityManager,
  { organizationId }: Viewer,
  { type: recordType, id: recordId }: RecordRef,
  name: string,
): Promise<RecordFieldRow> {
  const sql = new Parameters(manager);
  const parameters = [newId(), organizationId, recordType, recordId, name, 1].map((value) => sql.add(value));
  // TypeORM hands over no rows of a statement on SQLite that begins with INSERT; this one begins with a space.
  const [counted] = await manager.query<Pick<RecordFieldRow, 'id' | 'version'>[]>(
    ` INSERT INTO record_fields (id, organization_id, record_type, record_id, name, version)
      VALUES (${parameters.join(', ')})
      ON CONFLICT (organization_id, record_type, record_id, name) DO UPDATE SET version = record_fields.version + 1
      RETURNING id, version`,
    sql.values,
  );
  if (!counted) throw new Error('A field has neither been made nor found.');
  return { ...counted, organizationId, recordType, recordId, name };
}

/** Takes the count back, as nothing is to be changed, and the field, if it was made for that. */
export async function uncountChange(
  manager: EntityManager,
  { id, organizationId, version }: RecordFieldRow,
): Promise<void> {
  const undo = version > 1 ? 'UPDATE record_fields SET version = version - 1' : 'DELETE FROM record_fields';
  await changeRows(
    manager,
    (sql) => `${undo} WHERE id = ${sql.add(id)} AND organization_id = ${sql.add(organizationId)}`,
  );
}

/** Every field of these records that has ever been linked to, by name. */
export async function readFieldsOfRecords(
  manager: EntityManager,
  { organizationId }: Viewer,
  records: readonly RecordRef[],
): Promise<RecordFieldRow[]> {
  if (records.length === 0) return [];
  const rows = records.map(({ type, id }) => [type, id]);
  const fields = await readRows(
    manager,
    RecordFieldRow,
    (sql) => `organization_id = ${sql.add(organizationId)}
      AND ${sql.areOneOf(['record_type', 'record_id'], rows)}`,
  );
  return fields.sort((one, other) => compareTexts(one.name, other.name));
}

/** All links of these fields, in order. */
export async function readLinksOfFields(
  manager: EntityManager,
  fieldIds: readonly string[],
): Promise<LinkRow[]> {
  const links = await readRows(manager, LinkRow, (sql) => sql.isOneOf('field_id', fieldIds));
  return links.sort((one, other) => one.position - other.position);
}

/** A stretch of the links of each of these attachments, by field id. */
export async function readLinksOfAttachments(
  manager: EntityManager,
  attachmentIds: readonly string[],
  { after, before, isBackward, limit }: Stretch,
): Promise<LinkRow[]> {
  const isWithin = (sql: Parameters) =>
    [
      sql.isOneOf('attachment_id', attachmentIds),
      ...(after ? [`field_id > ${sql.add(after.id)}`] : []),
      ...(before ? [`field_id < ${sql.add(before.id)}`] : []),
    ].join(' AND ');
  const direction = isBackward ? 'DESC' : 'ASC';
  const links = await readRows(
    manager,
    LinkRow,
    (sql) => `(field_id, attachment_id) IN (SELECT field_id, attachment_id FROM (
        SELECT field_id, attachment_id, ROW_NUMBER() OVER (PARTITION BY attachment_id ORDER BY field_id ${direction}) AS place
        FROM links WHERE ${isWithin(sql)}) ranked
      WHERE place <= ${sql.add(limit)})`,
  );
  return links.sort((one, other) => (isBackward ? -1 : 1) * compareTexts(one.fieldId, other.fieldId));
}

/** The links among these, by field and attachment, each with all that it joins. */
export async function readLinkedAttachments(
  manager: EntityManager,
  { organizationId }: Viewer,
  keys: readonly (readonly string[])[],
) {
  if (keys.length === 0) return [];
  return readJoined(
    manager,
    { link: LinkRow, field: RecordFieldRow, attachment: AttachmentRow, blob: BlobRow },
    (sql) => `FROM links link JOIN record_fields field ON field.id = link.field_id
      JOIN attachments attachment ON attachment.id = link.attachment_id JOIN blobs blob ON blob.id = attachment.blob_id
      WHERE field.organization_id = ${sql.add(organizationId)}
        AND ${sql.areOneOf(['link.field_id', 'link.attachment_id'], keys)}`,
  );
}

/** How many links each of these attachments has. */
export async function countLinks(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<Map<string, Total>> {
  const parameters = new Parameters(manager);
  const isAsked = parameters.isOneOf('a.id', attachmentIds);
  const rows = await manager.query<{ id: string; count: number | string }[]>(
    `SELECT a.id AS id, (SELECT COUNT(*) FROM
        (SELECT 1 FROM links WHERE links.attachment_id = a.id LIMIT ${maxTotal + 1}) l) AS count
      FROM attachments a WHERE ${isAsked}`,
    parameters.values,
  );
  return new Map(rows.map(({ id, count }) => [id, toTotal(Number(count))]));
}
