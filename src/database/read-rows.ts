import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager, ObjectLiteral } from 'typeorm';
import { hasRowLocks } from './row-locks.js';
import { type Selection, selectionOf, type Table } from './row-selection.js';
import { tableOfGiven } from './row-values.js';
import { readShared } from './shared-reads.js';

/** Tables by the names that a statement gives them. */
type Tables = Readonly<Record<string, Table>>;

type RowsOf<Named extends Tables> = { [Name in keyof Named]: InstanceType<Named[Name]> };

/** The values of one statement. Each method returns the SQL that stands for them, of the same text however many there are. */
export class Parameters {
  readonly values: unknown[] = [];
  readonly #manager: EntityManager;
  readonly #hasArrays: boolean;

  constructor(manager: EntityManager) {
    this.#manager = manager;
    this.#hasArrays = hasRowLocks(manager);
  }

  add(value: string | number | boolean | Uint8Array | null): string {
    return this.#parameter(value);
  }

  /** A condition: the column has one of these. */
  isOneOf(column: string, values: readonly string[]): string {
    if (this.#hasArrays) return `${column} = ANY(${this.#parameter([...values])})`;
    return `${column} IN (SELECT value FROM json_each(${this.#parameter(JSON.stringify(values))}))`;
  }

  /** A condition: the columns together have the texts of one of these rows. */
  areOneOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
    const cells = columns.map((_, index) => `value ->> ${index}`).join(', ');
    return `(${columns.join(', ')}) IN (SELECT ${cells} FROM ${this.rowsOf(rows)})`;
  }

  /** A table of these rows, each an array in the column `value`. */
  rowsOf(rows: readonly (readonly string[])[]): string {
    return tableOfGiven(this.#manager, this.#parameter(JSON.stringify(rows)));
  }

  #parameter(value: unknown): string {
    const position = this.values.push(value);
    return this.#hasArrays ? `$${position}` : `?${position}`;
  }
}

/**
 * Reads rows of one table by a condition, in no order. Columns have their names of the database; those that are read only when
 * named are left out.
 *
 * @example
 * await readRows(manager, LinkRow, (sql) => sql.isOneOf('field_id', fieldIds));
 */
export async function readRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  table: new () => Row,
  condition: (parameters: Parameters) => string,
): Promise<Row[]> {
  const { tableName } = manager.connection.getMetadata(table);
  const rows = await readJoined(
    manager,
    { row: table },
    (parameters) => `FROM ${tableName} "row" WHERE ${condition(parameters)}`,
  );
  return rows.map(({ row }) => row);
}

/** Rows that are handed over as one text: of attachments with the longest descriptions that is 8 MB, and some 20 ms to read. */
const fewRows = 128;

/** Whether one statement reads so many rows: SQLite's driver makes the texts of all in one turn, PostgreSQL's as they arrive. */
export const areReadAtOnce = (manager: EntityManager, count: number): boolean =>
  count <= fewRows || hasRowLocks(manager);

/** The ids in parts, each for one statement. */
export function* inParts(manager: EntityManager, ids: readonly string[]): Generator<readonly string[]> {
  const size = areReadAtOnce(manager, ids.length) ? ids.length : fewRows;
  for (let at = 0; at < ids.length; at += size) yield ids.slice(at, at + size);
}

export interface ReadOptions {
  /** There are no more rows than that. */
  maxRows: number;
}

/**
 * Reads rows of several tables side by side, in no order. `from` is the statement from its FROM on, without an order. SQLite hands
 * over one text a row, or one for few of them: each cell costs its driver as much as a small query.
 */
export async function readJoined<Named extends Tables>(
  manager: EntityManager,
  tables: Named,
  from: (parameters: Parameters) => string,
  { maxRows }: ReadOptions = { maxRows: Number.POSITIVE_INFINITY },
): Promise<RowsOf<Named>[]> {
  const parts = partsOf(manager, tables);
  const rows: RowsOf<Named>[] = [];
  const take = (cells: unknown[]) => rows.push(toRows<Named>(parts, cells));
  await readCells(manager, parts, from, { take, areFew: maxRows <= fewRows });
  return rows;
}

export interface ByIds<Named extends Tables> {
  tables: Named;
  /** The statement from its FROM on, for rows of these ids. */
  from(sql: Parameters, ids: readonly string[]): string;
  idOf(rows: RowsOf<Named>): string;
}

/**
 * Reads rows of several tables side by side, of those ids that there are, in their order. Outside of transactions, requests with the
 * same `reading` share statements.
 */
export async function readByIds<Named extends Tables>(
  manager: EntityManager,
  reading: ByIds<Named>,
  ids: readonly string[],
): Promise<RowsOf<Named>[]> {
  const { tables, from, idOf } = reading;
  const parts = partsOf(manager, tables);
  const read = async (all: readonly string[]) => {
    const found = new Map<string, readonly unknown[]>();
    const take = (cells: unknown[]) => found.set(idOf(toRows<Named>(parts, cells)), cells);
    for (const part of inParts(manager, all))
      await readCells(manager, parts, (sql) => from(sql, part), { take, areFew: false });
    return found;
  };
  // Rows of its own for each.
  return (await readShared(manager, reading, ids, read, { maxIds: 64 })).map((cells) =>
    toRows<Named>(parts, cells),
  );
}

type Parts = readonly (readonly [string, Selection])[];

function partsOf(manager: EntityManager, tables: Tables): Parts {
  return Object.entries(tables).map(([name, table]) => [name, selectionOf(manager, table)] as const);
}

async function readCells(
  manager: EntityManager,
  parts: Parts,
  from: (parameters: Parameters) => string,
  { take, areFew }: { take(cells: unknown[]): void; areFew: boolean },
): Promise<void> {
  const columns = parts.flatMap(([name, { cells }]) => cells.map(({ column }) => `"${name}".${column}`));
  const parameters = new Parameters(manager);
  const source = from(parameters);
  const collect = areFew ? 'json_group_array' : 'json_array';
  const found: readonly (string | unknown[])[] = hasRowLocks(manager)
    ? await readPlainly(manager, columns, source, parameters)
    : await readAsTexts(manager, `${collect}(json_array(${columns.join()}))`, source, parameters);
  let length = 0;
  for (const part of found) {
    for (const cells of typeof part === 'string' ? JSON.parse(part) : [part]) take(cells);
    length += lengthOf(part);
    if (length < turnLength) continue;
    length = 0;
    await nextTurn();
  }
}

/** Characters of rows that are taken apart in one turn of the event loop: a page can have tens of millions. */
const turnLength = 256 * 1024;

const lengthOf = (part: string | readonly unknown[]): number =>
  typeof part === 'string'
    ? part.length
    : part.reduce<number>((sum, cell) => sum + (typeof cell === 'string' ? cell.length : 0), 0);

function toRows<Named extends Tables>(
  parts: readonly (readonly [string, Selection])[],
  cells: readonly unknown[],
): RowsOf<Named> {
  let at = 0;
  const rows: ObjectLiteral = {};
  for (const [name, selection] of parts) {
    rows[name] = selection.make(cells, at);
    at += selection.cells.length;
  }
  return rows as RowsOf<Named>;
}

/**
 * Updates or deletes rows by a statement, inside the caller's transaction, and returns how many there were.
 *
 * @example
 * await changeRows(manager, (sql) => `DELETE FROM links WHERE ${sql.isOneOf('attachment_id', ids)}`);
 */
export async function changeRows(
  manager: EntityManager,
  compose: (parameters: Parameters) => string,
): Promise<number> {
  if (!manager.queryRunner) throw new Error('Rows are changed in transactions only.');
  const parameters = new Parameters(manager);
  const sql = compose(parameters);
  const { affected } = await manager.queryRunner.query(sql, parameters.values, true);
  return affected ?? 0;
}

/** Texts of one row or more. */
async function readAsTexts(
  manager: EntityManager,
  rows: string,
  from: string,
  { values }: Parameters,
): Promise<string[]> {
  const texts = await manager.query<{ cells: string }[]>(`SELECT ${rows} AS cells ${from}`, values);
  return texts.map(({ cells }) => cells);
}

async function readPlainly(
  manager: EntityManager,
  columns: readonly string[],
  from: string,
  { values }: Parameters,
): Promise<unknown[][]> {
  // Without names of their own, two columns of one name would become one.
  const named = columns.map((column, index) => `${column} AS c${index}`);
  const rows = await manager.query<ObjectLiteral[]>(`SELECT ${named.join()} ${from}`, values);
  return rows.map((row) => Object.values(row));
}
