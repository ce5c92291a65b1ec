import type { EntityManager, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { hasRowLocks } from './row-locks.js';
import { isPlain } from './row-selection.js';

/** The values of a whole row as its table stores them, in the order of the columns. */
export type ToCells = (row: ObjectLiteral) => unknown[];

const known = new WeakMap<EntityMetadata, ToCells>();

/**
 * The function that takes the rows of a table apart. It names the properties one by one: a loop would look each up. Uploads reach 1.05
 * of the rate by it (docs/performance.md). `test/service/api/rows.test.ts` has TypeORM read what they have written.
 */
export function toCellsOf(manager: EntityManager, table: EntityTarget<ObjectLiteral>): ToCells {
  const metadata = manager.connection.getMetadata(table);
  const before = known.get(metadata);
  if (before) return before;
  const { columns } = metadata;
  const stores = columns.map((column) => storeOf(manager, column));
  const cells = columns.map(({ propertyName }, index) => {
    const value = `row.${propertyName}`;
    return stores[index] ? `stores[${index}](${value})` : value;
  });
  const toCells = new Function('stores', `return (row) => [${cells.join(', ')}]`)(stores) as ToCells;
  known.set(metadata, toCells);
  return toCells;
}

/**
 * A table of the rows that a statement is given as one value, JSON's array of arrays: each is the column `value`. SQLite's `json_each`
 * would make a text of each, to be parsed again.
 */
export function tableOfGiven(manager: EntityManager, parameter: string): string {
  return hasRowLocks(manager) ? `jsonb_array_elements(${parameter}::jsonb)` : `jsonb_each(${parameter})`;
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
