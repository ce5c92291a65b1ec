import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';

/*
 * Ways to a row, the first that fits:
 *
 * 1. `insertRow` inserts. Nothing else does, but `upsert`.
 * 2. `readRows` and `readJoined` read what requests ask for, by keys or in pages. Their SQL is the same however many keys there are.
 * 3. The manager reads, updates and deletes by conditions on columns, and upserts what replaces itself. A change of state names
 *    the state before in its condition, and its caller checks `affected`.
 * 4. A query builder is for a condition or a value that the manager cannot say: a join, EXISTS, an aggregate, `version + 1`.
 * 5. SQL is for what has no entity, such as pragmas, statistics, locks and tables of a library, and for a lock that a query
 *    builder cannot say.
 */

interface Insert {
  sql: string;
  columns: ColumnMetadata[];
}

const inserts = new WeakMap<object, Insert>();

/**
 * Inserts a whole row; with `orIgnore`, unless one of its keys is there already. TypeORM's query builder composes the
 * statement anew each time, which costs several times what running it does; here its text is made once for each table.
 */
export async function insertRow<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  row: Row,
  { orIgnore = false } = {},
): Promise<void> {
  const { driver } = manager.connection;
  const metadata = manager.connection.getMetadata(entity);
  const known = inserts.get(metadata) ?? compose(manager, metadata.tableName, metadata.columns);
  inserts.set(metadata, known);
  const values = known.columns.map((column) =>
    driver.preparePersistentValue(row[column.propertyName], column),
  );
  await manager.query(orIgnore ? `${known.sql} ON CONFLICT DO NOTHING` : known.sql, values);
}

function compose({ connection }: EntityManager, table: string, columns: ColumnMetadata[]): Insert {
  const names = columns.map(({ databaseName }) => connection.driver.escape(databaseName));
  const places = columns.map(({ databaseName }, index) =>
    connection.driver.createParameter(databaseName, index),
  );
  const sql = `INSERT INTO ${connection.driver.escape(table)} (${names.join(', ')}) VALUES (${places.join(', ')})`;
  return { sql, columns };
}
