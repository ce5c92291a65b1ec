import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { Parameters } from '../database/read-rows.js';
import { readFields, readFieldsOfRecords, readLinksOfFields } from '../links/read-fields.js';
import type { RecordRef } from '../model/record.js';
import { beforeLists } from './loaders.js';
import type { RecordAccess } from './record-access.js';

export interface ListArchivedDependencies {
  database: Pick<Database, 'read' | 'list'>;
  access: Pick<RecordAccess, 'mayView'>;
}

/** Ids that are read at once. */
const pageSize = 1_000;

/**
 * The ids of all attachments of a record that the viewer may see, or of one field: each once, the fields by name and in their order,
 * and then those that the record has claimed and no field of it holds. They are read while the caller goes on.
 */
export async function* listArchived(
  { database, access }: ListArchivedDependencies,
  viewer: Viewer,
  { record, field }: { record: RecordRef; field: string | null },
): AsyncGenerator<string> {
  const { read } = database;
  const fields =
    field === null
      ? await readFieldsOfRecords(read, viewer, [record])
      : await readFields(read, viewer, [{ record, name: field }]);
  const seen = new Set<string>();
  for (const { id, name } of fields) {
    if (!(await access.mayView(record, name))) continue;
    for (const { attachmentId } of await readLinksOfFields(read, [id])) {
      if (!seen.has(attachmentId)) yield attachmentId;
      seen.add(attachmentId);
    }
  }
  if (field !== null || !(await access.mayView(record, null))) return;
  for (let after: Claimed | undefined; ; ) {
    const last: Claimed | undefined = after;
    const page = await beforeLists(database).list(viewer.organizationId, read, (lists) =>
      readClaimed(lists, viewer, record, last),
    );
    for (const { id } of page) yield id;
    after = page.at(-1);
    if (page.length < pageSize) return;
  }
}

interface Claimed {
  id: string;
  created_at: number | string;
}

/** Those that the record has claimed and none of its fields holds, the oldest first. */
async function readClaimed(
  manager: EntityManager,
  { organizationId }: Viewer,
  record: RecordRef,
  after: Claimed | undefined,
): Promise<Claimed[]> {
  const sql = new Parameters(manager);
  const isRecords = (table: string) => `${table}.organization_id = ${sql.add(organizationId)}
    AND ${table}.record_type = ${sql.add(record.type)} AND ${table}.record_id = ${sql.add(record.id)}`;
  const isLater = after
    ? `AND (a.created_at, a.id) > (${sql.add(Number(after.created_at))}, ${sql.add(after.id)})`
    : '';
  return manager.query<Claimed[]>(
    `SELECT a.id AS id, a.created_at AS created_at FROM attachments a
      WHERE ${isRecords('a')} ${isLater} AND NOT EXISTS (SELECT 1 FROM links l
        JOIN record_fields f ON f.id = l.field_id WHERE l.attachment_id = a.id AND ${isRecords('f')})
      ORDER BY a.created_at, a.id LIMIT ${pageSize}`,
    sql.values,
  );
}
