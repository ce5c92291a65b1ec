import type { EntityManager } from 'typeorm';
import { AttachmentRow, type StoredPlace, TrashedAttachmentRow } from './entities/attachment.js';
import { changeRows, Parameters } from './read-rows.js';

/** An attachment on its way into the trash, and the places that it leaves. */
export interface Trashed {
  id: string;
  places: readonly StoredPlace[];
}

/** The columns that both tables have. */
function columnsOf(manager: EntityManager): string[] {
  const { columns } = manager.connection.getMetadata(AttachmentRow);
  return columns.map(({ databaseName }) => databaseName);
}

/** Columns that change on the way, as SQL. The others stay as they are. */
type Changed = Readonly<Record<string, string>>;

function valuesOf(manager: EntityManager, changed: Changed): string {
  const values = columnsOf(manager).map((column) => changed[column] ?? `a.${column}`);
  return values.join(', ');
}

const instant = (sql: Parameters, at: Date | null) => `CAST(${sql.add(at?.getTime() ?? null)} AS bigint)`;

const text = (sql: Parameters, value: string | null) => `CAST(${sql.add(value)} AS varchar)`;

/** Moves rows of attachments, all of them locked and in no field, into the trash. Returns how many there were. */
export async function moveToTrash(
  manager: EntityManager,
  trashed: readonly Trashed[],
  { deletedAt, expiresAt }: Pick<TrashedAttachmentRow, 'deletedAt'> & { expiresAt: Date },
): Promise<number> {
  const sql = new Parameters(manager);
  const rows = trashed.map(({ id, places }) => [id, JSON.stringify(places)]);
  const values = valuesOf(manager, {
    expires_at: instant(sql, expiresAt),
    updated_at: instant(sql, deletedAt),
  });
  await manager.query(
    `INSERT INTO trashed_attachments (${columnsOf(manager).join(', ')}, deleted_at, places)
     SELECT ${values}, ${instant(sql, deletedAt)}, named.value ->> 1
     FROM ${sql.rowsOf(rows)} named JOIN attachments a ON a.id = named.value ->> 0`,
    sql.values,
  );
  const ids = trashed.map(({ id }) => id);
  return changeRows(
    manager,
    (parameters) => `DELETE FROM attachments WHERE ${parameters.isOneOf('id', ids)}`,
  );
}

/** Moves one row back. False: it is not in the trash any more, and nothing has changed. */
export async function moveFromTrash(
  manager: EntityManager,
  { id, organizationId }: TrashedAttachmentRow,
  { updatedAt, expiresAt }: Pick<AttachmentRow, 'updatedAt' | 'expiresAt'>,
): Promise<boolean> {
  const sql = new Parameters(manager);
  const values = valuesOf(manager, {
    expires_at: instant(sql, expiresAt),
    updated_at: instant(sql, updatedAt),
  });
  await manager.query(
    `INSERT INTO attachments (${columnsOf(manager).join(', ')})
     SELECT ${values} FROM trashed_attachments a WHERE a.id = ${sql.add(id)}`,
    sql.values,
  );
  const { affected } = await manager.delete(TrashedAttachmentRow, { id, organizationId });
  return affected === 1;
}

/** An attachment that is to be made, and the one that it is a copy of. */
export interface Copied {
  id: string;
  sourceId: string;
}

/** Columns in which copies differ from their sources. */
export type CopyColumns = Pick<
  AttachmentRow,
  'shared' | 'recordType' | 'recordId' | 'createdById' | 'createdAt' | 'claimedAt' | 'expiresAt'
>;

/**
 * Copies rows of attachments, all of them locked, within the database: a thousand descriptions may be large. Returns how many there
 * were.
 */
export async function copyAttachmentRows(
  manager: EntityManager,
  copied: readonly Copied[],
  { shared, recordType, recordId, createdById, createdAt, claimedAt, expiresAt }: CopyColumns,
): Promise<number> {
  return changeRows(manager, (sql) => {
    const values = valuesOf(manager, {
      id: 'named.value ->> 0',
      shared: `CAST(${sql.add(shared)} AS boolean)`,
      record_type: text(sql, recordType),
      record_id: text(sql, recordId),
      created_by_id: text(sql, createdById),
      created_at: instant(sql, createdAt),
      updated_at: instant(sql, createdAt),
      claimed_at: instant(sql, claimedAt),
      expires_at: instant(sql, expiresAt),
      version: '1',
    });
    const rows = sql.rowsOf(copied.map(({ id, sourceId }) => [id, sourceId]));
    return `INSERT INTO attachments (${columnsOf(manager).join(', ')})
      SELECT ${values} FROM ${rows} named JOIN attachments a ON a.id = named.value ->> 1`;
  });
}
