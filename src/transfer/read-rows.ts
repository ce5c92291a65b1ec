import type { EntityManager, EntityMetadata, ObjectLiteral } from 'typeorm';

/** A row, with the names of its class. */
export type Row = ObjectLiteral;

/** Few enough that a statement may name all their keys. */
const batchSize = 200;

/** All of them, also those that other queries read only by name. */
const columnNames = (table: EntityMetadata) => table.columns.map(({ propertyName }) => propertyName);

const keyNames = (table: EntityMetadata) => table.primaryColumns.map(({ propertyName }) => propertyName);

/** Every row of a table in batches, by its primary key: no batch costs more than another, however many there are. */
export async function* readBatches(manager: EntityManager, table: EntityMetadata): AsyncGenerator<Row[]> {
  const names = keyNames(table);
  const columns = names.map((name) => `row.${name}`);
  let last: Row | undefined;
  for (;;) {
    const query = manager
      .createQueryBuilder(table.target, 'row')
      .select(columnNames(table).map((name) => `row.${name}`))
      .limit(batchSize);
    for (const column of columns) query.addOrderBy(column, 'ASC');
    if (last !== undefined) {
      const row = last;
      const parameters = Object.fromEntries(names.map((name) => [name, row[name]]));
      query.where(`(${columns.join(', ')}) > (${names.map((name) => `:${name}`).join(', ')})`, parameters);
    }
    const rows: Row[] = await query.getMany();
    if (rows.length > 0) yield rows;
    if (rows.length < batchSize) return;
    last = rows.at(-1);
  }
}

/** Those rows of `manager`'s that have the keys of `rows`, by `keyOf`. */
export async function readSame(
  manager: EntityManager,
  table: EntityMetadata,
  rows: readonly Row[],
): Promise<Map<string, Row>> {
  const where = rows.map((row) => keyWhere(table, row));
  const select = columnNames(table);
  const found: Row[] = await manager.find(table.target, { where, select });
  return new Map(found.map((row) => [keyOf(table, row), row]));
}

export function keyOf(table: EntityMetadata, row: Row): string {
  return JSON.stringify(keyNames(table).map((name) => row[name]));
}

export function keyWhere(table: EntityMetadata, row: Row): Row {
  return Object.fromEntries(keyNames(table).map((name) => [name, row[name]]));
}
