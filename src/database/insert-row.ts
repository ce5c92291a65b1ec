import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import { hasRowLocks } from './row-locks.js';
import { tableOfGiven, toCellsOf } from './row-values.js';

/*
 * Ways to a row, the first that fits:
 *
 * 1. `insertRow` inserts one row, `insertRows` many. Nothing else does, but `upsert`.
 * 2. `readRows` and `readJoined` read what requests ask for, by keys or in pages. Their SQL is the same however many keys
 *    there are. `changeRows` updates and deletes many rows likewise, and says how many they were.
 * 3. The manager reads, updates and deletes by conditions on columns, and upserts what replaces itself. A change of state names
 *    the state before in its condition, and its caller checks `affected`.
 * 4. A query builder is for a condition or a value that the manager cannot say: a join, EXISTS, an aggregate, `version + 1`.
 * 5. SQL is for what has no entity, such as pragmas, statistics, locks and tables of a library, and for a lock that a query
 *    builder cannot say.
 */

interface Insert {
  table: string;
  names: string[];
  /** The value of each column, taken from a row that is an array of JSON. */
  cells: string[];
}

const inserts = new WeakMap<object, Insert>();

interface InsertOptions<Row> {
  /** Leaves a row out if one of its keys is there already. */
  orIgnore?: boolean;
  /** Changes these properties instead if a row has the table's own key already. */
  orUpdate?: readonly (keyof Row & string)[];
}

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
  const { names } = insertInto(manager, entity);
  const parameters = names.map((name, index) => driver.createParameter(name, index));
  const sql = `${insertIntoAll(manager, entity)} VALUES (${parameters.join(', ')})`;
  const values = toCellsOf(manager, entity)(row);
  await manager.query(orIgnore ? `${sql} ON CONFLICT DO NOTHING` : sql, values);
}

/** Inserts many rows by one statement, whose text is the same however many there are. */
export async function insertRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  rows: readonly Row[],
  { orIgnore = false, orUpdate = [] }: InsertOptions<Row> = {},
): Promise<void> {
  if (rows.length === 0) return;
  const source = selectGiven(manager, entity, hasRowLocks(manager) ? '$1' : '?1');
  // Without a condition SQLite would take ON for the beginning of a join.
  const sql = `${insertIntoAll(manager, entity)} ${source} WHERE true`;
  await manager.query(`${sql}${onConflict(manager, entity, orIgnore, orUpdate)}`, [
    rowsAsJson(manager, entity, rows),
  ]);
}

/** Rows as one value of a statement: an array of arrays, in the order of the columns. */
export function rowsAsJson<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  rows: readonly Row[],
): string {
  return JSON.stringify(rows.map(toCellsOf(manager, entity)));
}

/** The rows of such a value, given as `parameter` to a statement, which parses it once. */
export function selectGiven(
  manager: EntityManager,
  entity: EntityTarget<ObjectLiteral>,
  parameter: string,
): string {
  const { cells } = insertInto(manager, entity);
  return `SELECT ${cells.join(', ')} FROM ${tableOfGiven(manager, parameter)}`;
}

/** The beginning of a statement that inserts such rows. */
export function insertIntoAll(manager: EntityManager, entity: EntityTarget<ObjectLiteral>): string {
  const { table, names } = insertInto(manager, entity);
  return `INSERT INTO ${table} (${names.join(', ')})`;
}

function onConflict<Row extends ObjectLiteral>(
  { connection }: EntityManager,
  entity: EntityTarget<Row>,
  orIgnore: boolean,
  orUpdate: readonly string[],
): string {
  if (orIgnore) return ' ON CONFLICT DO NOTHING';
  if (orUpdate.length === 0) return '';
  const { primaryColumns, columns } = connection.getMetadata(entity);
  const key = primaryColumns.map(({ databaseName }) => databaseName).join(', ');
  const changes = columns
    .filter(({ propertyName }) => orUpdate.includes(propertyName))
    .map(({ databaseName }) => `${databaseName} = excluded.${databaseName}`);
  return ` ON CONFLICT (${key}) DO UPDATE SET ${changes.join(', ')}`;
}

function insertInto<Row extends ObjectLiteral>(manager: EntityManager, entity: EntityTarget<Row>): Insert {
  const { driver } = manager.connection;
  const metadata = manager.connection.getMetadata(entity);
  const { columns, tableName } = metadata;
  const known = inserts.get(metadata) ?? {
    table: driver.escape(tableName),
    names: columns.map(({ databaseName }) => driver.escape(databaseName)),
    // JSON has texts and numbers. PostgreSQL asks for a column's own type; SQLite's columns turn them into theirs.
    cells: columns.map((column, index) =>
      hasRowLocks(manager) ? `(value ->> ${index})::${driver.normalizeType(column)}` : `value ->> ${index}`,
    ),
  };
  inserts.set(metadata, known);
  return known;
}
