import type { EntityManager } from 'typeorm';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { readRows } from '../database/read-rows.js';
import { findIds, tableName } from './stored-attachment.js';

/** Attachments whose rows are in memory together. A file can have thousands of copies, each with a description of its own. */
const rowsAtOnce = 128;

/**
 * Every attachment over these blobs, in use or in the trash, in parts. The trash comes first: one that is restored meanwhile
 * may be in both tables, is given once, and is never in none. The caller keeps the attachments in use from being deleted.
 */
export async function* attachmentsOver(
  manager: EntityManager,
  blobIds: readonly string[],
): AsyncGenerator<(AttachmentRow | TrashedAttachmentRow)[]> {
  const given = new Set<string>();
  for (const table of [TrashedAttachmentRow, AttachmentRow]) {
    const found = await findIds(
      manager,
      (sql) => `SELECT id FROM ${tableName(table)} WHERE ${sql.isOneOf('blob_id', blobIds)}`,
    );
    const ids = found.filter((id) => !given.has(id));
    while (ids.length > 0) {
      const part = ids.splice(0, rowsAtOnce);
      const rows = await readRows(manager, table, (sql) => `${sql.isOneOf('id', part)} ORDER BY id`);
      yield rows;
      for (const { id } of rows) given.add(id);
    }
  }
}
