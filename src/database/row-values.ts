import type { EntityManager, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isPlain } from './row-selection.js';

/** Values of a whole row as its table stores them. */
export interface RowValues {
  /** In the order of the columns. */
  toCells(row: ObjectLiteral): unknown[];
  /** By the names of the columns. */
  toNamedCells(row: ObjectLiteral): ObjectLiteral;
}

const known = new WeakMap<EntityMetadata, RowValues>();

/**
 * The functions that take the rows of a table apart. They name the properties one by one: a loop would look each up. Uploads reach 1.05
 * of the rate by them (docs/performance.md). `test/service/api/rows.test.ts` has TypeORM read what they have written.
 */
export function rowValuesOf(manager: EntityManager, table: EntityTarget<ObjectLiteral>): RowValues {
  const metadata = manager.connection.getMetadata(table);
  const before = known.get(metadata);
  if (before) return before;
  const { columns } = metadata;
  const stores = columns.map((column) => storeOf(manager, column));
  const cells = columns.map(({ propertyName }, index) => {
    const value = `row.${propertyName}`;
    return stores[index] ? `stores[${index}](${value})` : value;
  });
  const named = cells.map((cell, index) => `${JSON.stringify(columns[index]?.databaseName)}: ${cell}`);
  const source = `return {
    toCells: (row) => [${cells.join(', ')}],
    toNamedCells: (row) => ({ ${named.join(', ')} }),
  };`;
  const values = new Function('stores', source)(stores) as RowValues;
  known.set(metadata, values);
  return values;
}

/** Null where a value is stored as it is. */
function storeOf(
  { connection: { driver } }: EntityManager,
  column: ColumnMetadata,
): ((value: unknown) => unknown) | null {
  const { transformer } = column;
  if (!isPlain(column)) return (value) => driver.preparePersistentValue(value, column);
  return transformer && !Array.isArray(transformer) ? (value) => transformer.to(value) : null;
}
