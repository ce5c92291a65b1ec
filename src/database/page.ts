import type { EntityManager, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { fault } from '../errors.js';

/** How many items of a list are wanted, and after which. */
export interface PageRequest {
  first: number;
  after: string | null;
}

/** One page of a list, in order. */
export interface Page<T> {
  edges: { cursor: string; node: T }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

export const maxPageSize = 1_000;

/** Throws BAD_USER_INPUT where `first` is not from 0 to 1,000. */
export function checkPageSize(first: number): void {
  if (first >= 0 && first <= maxPageSize) return;
  const msg = `Must be from 0 to ${maxPageSize}.`;
  throw fault('out_of_range', ['first'], msg, { limit: maxPageSize });
}

/** Cuts `found`, read one item past the page's end, to the page. */
export function toPage<T>(
  { first, after }: PageRequest,
  found: readonly T[],
  cursorOf: (item: T) => string,
): Page<T> {
  return {
    edges: found.slice(0, first).map((node) => ({ cursor: cursorOf(node), node })),
    hasNextPage: found.length > first,
    hasPreviousPage: after !== null,
  };
}

/** How many rows a list has: `count` of them, or more if it is not exact. */
export interface Total {
  count: number;
  isExact: boolean;
}

/** Nobody counts further. */
export const maxTotal = 10_000;

/** Counts the rows of a query, whose page is not set, and stops at one more than `maxTotal`. */
export async function countRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  query: SelectQueryBuilder<Row>,
): Promise<Total> {
  const [sql, parameters] = query
    .select('1', 'one')
    .limit(maxTotal + 1)
    .getQueryAndParameters();
  const counted = `SELECT COUNT(*) AS count FROM (${sql}) counted`;
  const [row] = await manager.query<{ count: number | string }[]>(counted, parameters);
  return toTotal(Number(row?.count ?? 0));
}

export function toTotal(counted: number): Total {
  return { count: Math.min(counted, maxTotal), isExact: counted <= maxTotal };
}
