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

/** Columns that change on the way, as instants. The others stay as they are. */
type Changed = Readonly<Record<string, Date | null>>;

function valuesOf(manager: EntityManager, sql: Parameters, changed: Changed): string {
  const values = columnsOf(manager).map((column) => {
    const value = changed[column];
    return value === undefined ? `a.${column}` : `CAST(${sql.add(value?.getTime() ?? null)} AS bigint)`;
  });
  return values.join(', ');
}

/** Moves rows of attachments, all of them locked and in no field, into the trash. Returns how many there were. */
export async function moveToTrash(
  manager: EntityManager,
  trashed: readonly Trashed[],
  { deletedAt, expiresAt }: Pick<TrashedAttachmentRow, 'deletedAt'> & { expiresAt: Date },
): Promise<number> {
  const sql = new Parameters(manager);
  const rows = trashed.map(({ id, places }) => [id, JSON.stringify(places)]);
  const values = valuesOf(manager, sql, { expires_at: expiresAt, updated_at: deletedAt });
  await manager.query(
    `INSERT INTO trashed_attachments (${columnsOf(manager).join(', ')}, deleted_at, places)
     SELECT ${values}, CAST(${sql.add(deletedAt.getTime())} AS bigint), named.value ->> 1
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
  const values = valuesOf(manager, sql, { expires_at: expiresAt, updated_at: updatedAt });
  await manager.query(
    `INSERT INTO attachments (${columnsOf(manager).join(', ')})
     SELECT ${values} FROM trashed_attachments a WHERE a.id = ${sql.add(id)}`,
    sql.values,
  );
  const { affected } = await manager.delete(TrashedAttachmentRow, { id, organizationId });
  return affected === 1;
}
