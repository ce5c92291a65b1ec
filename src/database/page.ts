import type { EntityManager, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { Faults } from '../errors.js';
import { inParts, readRows } from './read-rows.js';

/** A page of a list: so many items from one end of the stretch between two cursors. */
export interface PageRequest {
  size: number;
  /** The page is the end of the stretch, not its beginning. */
  isLast: boolean;
  after: string | null;
  before: string | null;
}

/** One page of a list, in order. */
export interface Page<T> {
  edges: { readonly cursor: string; node: T }[];
  /** The stretch has more: behind the page or, if it is the stretch's end, before it. */
  hasMore: boolean;
}

/** Reads one page of a list. */
export type ReadPage<Item> = (request: PageRequest) => Promise<Page<Item>>;

export const maxPageSize = 1_000;
const usualPageSize = 50;

/** A page as clients ask for it. */
export interface PageArguments {
  first?: number | null;
  last?: number | null;
  after?: string | null;
  before?: string | null;
}

/**
 * Notes a size that is not from 0 to 1,000, and two sizes. Texts that are no cursors of any list are noted beside other faults, and of a
 * page at `loc`, which is not read next: else they are found once the list is known, together with cursors of another one.
 */
export function checkPage(
  faults: Faults,
  { first, last, after, before }: PageArguments,
  loc: readonly (string | number)[] = [],
): void {
  const sizes = Object.entries({ first, last }).filter(([, size]) => typeof size === 'number');
  for (const [name, size] of sizes) {
    const at = [...loc, name];
    if (!(Number(size) >= 0 && Number(size) <= maxPageSize))
      faults.add('out_of_range', at, `Must be from 0 to ${maxPageSize}.`, { limit: maxPageSize });
    if (sizes.length > 1) faults.add('first_and_last', at, 'Give either first or last.');
  }
  if (faults.details.length === 0 && loc.length === 0) return;
  for (const [name, cursor] of Object.entries({ after, before }))
    if (typeof cursor === 'string' && parse(cursor).length === 0) addInvalid(faults, [...loc, name]);
}

/**
 * The first 50 if no size is given. Throws BAD_USER_INPUT for the faults of `checkPage`, together with those that the caller has found
 * before.
 *
 * @example
 * toPageRequest({ last: 10, before: cursor });
 */
export function toPageRequest(page: PageArguments, faults = new Faults()): PageRequest {
  checkPage(faults, page);
  faults.throwIfAny();
  const { first, last, after, before } = page;
  return {
    size: first ?? last ?? usualPageSize,
    isLast: typeof last === 'number',
    after: after ?? null,
    before: before ?? null,
  };
}

/** A way through a list: up to `limit` items between two positions, backwards from the later one if `isBackward`. */
export interface Stretch {
  after: Position | null;
  before: Position | null;
  isBackward: boolean;
  limit: number;
}

/** How a list makes cursors. */
export interface Cursors<Item> {
  /** Names the list and its order, so that a cursor of another one is noticed. */
  order: string;
  kind?: 'number' | 'string';
  positionOf(item: Item): Position;
}

/**
 * Reads a page. `read` returns the items of a stretch in the order in which it goes through them. An empty page needs no read.
 * Throws BAD_USER_INPUT for a cursor that is not of this list.
 */
export async function readPage<Item>(
  { size, isLast, after, before }: PageRequest,
  { order, kind, positionOf }: Cursors<Item>,
  read: (stretch: Stretch) => Promise<Item[]>,
): Promise<Page<Item>> {
  const faults = new Faults();
  const stretch = {
    after: after === null ? null : decodeCursor(faults, order, after, { name: 'after', kind }),
    before: before === null ? null : decodeCursor(faults, order, before, { name: 'before', kind }),
    isBackward: isLast,
    limit: size + 1,
  };
  faults.throwIfAny();
  if (size === 0) return { edges: [], hasMore: false };
  const found = await read(stretch);
  const items = found.slice(0, size);
  const cursorOf = (node: Item) => encodeCursor(order, positionOf(node));
  const edges = items.map((node) => new PagedItem(node, cursorOf));
  return { edges: isLast ? edges.reverse() : edges, hasMore: found.length > size };
}

/** An item with its cursor, which is made when it is asked for: most pages are asked for one at most. */
class PagedItem<Item> {
  constructor(
    readonly node: Item,
    private readonly cursorOf: (item: Item) => string,
  ) {}

  get cursor(): string {
    return this.cursorOf(this.node);
  }
}

/**
 * The rows of a list, the newest first: ordered by `columns` of the query's alias, all of them falling. The last column is the id.
 * The query finds ids; the rows, which can be long, are read by them in turns of the event loop.
 */
export async function findNewestFirst<Row extends ObjectLiteral & { id: string }>(
  manager: EntityManager,
  table: new () => Row,
  query: SelectQueryBuilder<Row>,
  { columns, stretch }: { columns: readonly [property: string, column: string][]; stretch: Stretch },
): Promise<Row[]> {
  const { after, before, isBackward, limit } = stretch;
  const row = `(${columns.map(([, column]) => column).join(', ')})`;
  const bound = (name: string) => `(${columns.length > 1 ? `:${name}Value, ` : ''}:${name}Id)`;
  if (after) query.andWhere(`${row} < ${bound('after')}`, { afterValue: after.value, afterId: after.id });
  if (before)
    query.andWhere(`${row} > ${bound('before')}`, { beforeValue: before.value, beforeId: before.id });
  for (const [property] of columns) query.addOrderBy(property, isBackward ? 'ASC' : 'DESC');
  const found = await query
    .select(columns.at(-1)?.[1] ?? '', 'id')
    .limit(limit)
    .getRawMany<{ id: string }>();
  const ids = found.map(({ id }) => id);
  const byId = new Map<string, Row>();
  for (const part of inParts(manager, ids)) {
    const rows = await readRows(manager, table, (sql) => sql.isOneOf('id', part));
    for (const each of rows) byId.set(each.id, each);
  }
  return ids.flatMap((id) => byId.get(id) ?? []);
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

/** The end of a page: the last item's place in the order, with its id to tell equal places apart. */
export interface Position {
  value: string | number;
  id: string;
}

/** `order` names what the list is ordered by, so that a cursor of another order is noticed. Clients must not read it. */
export function encodeCursor(order: string, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([order, value, id])).toString('base64url');
}

const textual = /^[^\0\p{Cs}]*$/u;
const isStorable = (value: unknown): value is string => typeof value === 'string' && textual.test(value);

interface CursorArgument {
  name: 'after' | 'before';
  kind?: 'number' | 'string' | undefined;
}

/** Notes a fault of the argument `name`, and returns null, if `encodeCursor` has not made it for this order, of values of this kind. */
function decodeCursor(
  faults: Faults,
  order: string,
  cursor: string,
  { name, kind = 'number' }: CursorArgument,
): Position | null {
  const [madeFor, value, id, ...rest] = parse(cursor);
  const isOfKind = kind === 'string' ? isStorable(value) : Number.isSafeInteger(value);
  if (madeFor === order && isOfKind && isStorable(id) && rest.length === 0)
    return { value: value as string | number, id };
  addInvalid(faults, [name]);
  return null;
}

function addInvalid(faults: Faults, loc: (string | number)[]): void {
  faults.add('invalid_cursor', loc, 'Not a cursor of this list in this order.');
}

function parse(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Orders texts as the databases do, by their UTF-8 bytes. */
export function compareTexts(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
