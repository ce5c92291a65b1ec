import type { EntityManager, EntityMetadata, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';

/** A table's rows, as their class says. */
export type Table = new () => ObjectLiteral;

interface Cell {
  property: string;
  column: string;
  toValue(cell: unknown): unknown;
}

/** The columns of a table that are read, in the order of its class. */
export interface Selection {
  cells: readonly Cell[];
  /** Makes a row of its cells, the first of which is at `from`. */
  make: MakeRow;
}

const selections = new WeakMap<EntityMetadata, Selection>();

/** The columns that a table's class says are read: none is ever forgotten. */
export function selectionOf(manager: EntityManager, table: Table): Selection {
  const metadata = manager.connection.getMetadata(table);
  const known = selections.get(metadata);
  if (known) return known;
  const { driver } = manager.connection;
  const cells = metadata.columns
    .filter(({ isSelect }) => isSelect)
    .map((column) => ({
      property: column.propertyName,
      column: driver.escape(column.databaseName),
      toValue: toValueOf(column) ?? ((cell: unknown): unknown => driver.prepareHydratedValue(cell, column)),
    }));
  const selection = { cells, make: compileRow(table, cells) };
  selections.set(metadata, selection);
  return selection;
}

const plain = (cell: unknown): unknown => cell;

/** Types whose values the drivers take and hand over as they are stored. */
const plainTypes = ['varchar', 'text', 'integer', 'bigint'];

/** Whether the column's own transformer, if it has one, is all that its values go through. */
export const isPlain = ({ transformer, type }: ColumnMetadata): boolean =>
  plainTypes.includes(String(type)) && !Array.isArray(transformer);

/** Null where the driver has to be asked. */
function toValueOf(column: ColumnMetadata): ((cell: unknown) => unknown) | null {
  const { transformer } = column;
  if (!isPlain(column) || Array.isArray(transformer)) return null;
  return transformer ? (cell) => transformer.from(cell) : plain;
}

type MakeRow = (values: readonly unknown[], from: number) => ObjectLiteral;

/**
 * A function that makes a row of its cells. It names the properties one by one: by a loop each would be looked up for every row. With
 * instants that go past TypeORM, a list of 100 reaches 1.13 of the rate by it (docs/performance.md). `test/service/api/rows.test.ts`
 * compares its rows with those that TypeORM reads.
 */
function compileRow(Row: Table, cells: readonly Cell[]): MakeRow {
  const lines = cells.map(({ property, toValue }, index) => {
    const value = `values[from + ${index}]`;
    return `row.${property} = ${toValue === plain ? value : `cells[${index}].toValue(${value})`};`;
  });
  const source = `return (values, from) => { const row = new Row(); ${lines.join(' ')} return row; };`;
  return new Function('Row', 'cells', source)(Row, cells) as MakeRow;
}
