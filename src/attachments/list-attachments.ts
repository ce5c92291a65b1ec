import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import {
  type Cursors,
  compareTexts,
  maxTotal,
  type Page,
  type PageRequest,
  type Position,
  readPage,
  type Stretch,
  type Total,
  toTotal,
} from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { type AttachmentTable, readStoredAmong, type StoredAttachment } from '../model/stored-attachment.js';
import {
  type AttachmentFilter,
  type AttachmentOrder,
  type Half,
  halvesOf,
  hasMore,
  selectCandidates,
  selectWalk,
  type Walk,
} from './attachment-filter.js';
import { findCandidates, tooManyRows, weightOf } from './candidates.js';

export interface AttachmentList {
  filter: AttachmentFilter;
  orderBy: AttachmentOrder;
  /** Those in the trash; left out: those in use. */
  isTrash?: boolean;
}

type Query = (sql: Parameters) => string;

/** Rows that a walk looks at first, before it is asked whether few rows meet a condition. */
const nearBound = ({ limit }: Walk) => 500 + 10 * limit;
/**
 * Rows that it looks at if many meet each: a condition that one row in a hundred meets fills the page by then. Rows of one age lie
 * side by side, and take a fraction of the time.
 */
const farBound = ({ filter, orderBy, limit }: Walk) =>
  Math.floor(((5_000 + 100 * limit) * (orderBy.field === 'CREATED_AT' ? 2 : 1)) / weightOf(filter));
const countBound = (filter: AttachmentFilter) => Math.floor(30_000 / weightOf(filter));

/**
 * One page of what the viewer may see. Few rows that meet a condition are sorted; a condition that many meet is found along the
 * order, where each half has an index of its own. Throws BAD_USER_INPUT for a bad cursor; QUERY_TOO_COMPLEX if too many
 * rows had to be looked at.
 *
 * @example
 * await listAttachments(manager, viewer, { filter, orderBy: { field: 'SIZE', direction: 'DESC' } }, toPageRequest({ first: 50 }));
 */
export function listAttachments(
  manager: EntityManager,
  viewer: Viewer,
  list: AttachmentList,
  request: PageRequest,
): Promise<Page<StoredAttachment>> {
  return readPage(request, cursorsOf(list.orderBy), (stretch) =>
    walkAttachments(manager, viewer, list, stretch),
  );
}

export const newestFirst = { field: 'CREATED_AT', direction: 'DESC' } as const;

export function cursorsOf({ field, direction }: AttachmentOrder): Cursors<StoredAttachment> {
  return {
    // Cursors of the order by plain names, which was once, are none of this one.
    order: `${field === 'FILE_NAME' ? 'NATURAL_NAME' : field} ${direction}`,
    kind: field === 'FILE_NAME' ? 'string' : 'number',
    positionOf: (stored) => positionOf(stored, field),
  };
}

/** A stretch of the list, in the order in which it goes through it. */
export async function walkAttachments(
  manager: EntityManager,
  viewer: Viewer,
  { filter, orderBy, isTrash }: AttachmentList,
  { after, before, isBackward, limit }: Stretch,
): Promise<StoredAttachment[]> {
  const table = tableOf(isTrash);
  const walk: Walk = isBackward
    ? { viewer, table, filter, orderBy: turned(orderBy), from: before, until: after, limit }
    : { viewer, table, filter, orderBy, from: after, until: before, limit };
  const { field, direction } = walk.orderBy;
  const found = (await findPage(manager, walk)).map((stored) => ({
    stored,
    position: positionOf(stored, field),
  }));
  return found
    .sort((one, other) => comparePositions(one.position, other.position, direction))
    .map(({ stored }) => stored);
}

const tableOf = (isTrash = false): AttachmentTable => (isTrash ? TrashedAttachmentRow : AttachmentRow);

const turned = ({ field, direction }: AttachmentOrder): AttachmentOrder => ({
  field,
  direction: direction === 'ASC' ? 'DESC' : 'ASC',
});

/** The first rows of each half, as many as the page may have: in no order. */
async function findPage(manager: EntityManager, walk: Walk): Promise<StoredAttachment[]> {
  const { ids } = walk.filter;
  if (ids) return readAmong(manager, walk, (sql) => selectNamed(sql, walk, ids));
  if (!isSearch(walk)) return readAmong(manager, walk, (sql) => selectWalk(sql, walk, halvesOf(walk), null));
  const halves: StoredAttachment[][] = [];
  // One after the other: a list takes one connection.
  for (const half of halvesOf(walk)) halves.push(await searchHalf(manager, walk, half));
  return halves.flat();
}

function readAmong(manager: EntityManager, { table }: Walk, query: Query): Promise<StoredAttachment[]> {
  return readStoredAmong(manager, query, table);
}

/** Rows of both halves by their ids: there are few. */
const selectNamed = (sql: Parameters, walk: Walk, ids: readonly string[]): string =>
  selectCandidates(sql, walk, null, sql.isOneOf('a.id', ids));

/** Whether rows have to be looked at that may not be on the page. */
const isSearch = ({ filter, orderBy }: Walk) =>
  Object.entries(filter).some(
    ([name, value]) =>
      value !== undefined && !(orderBy.field === 'CREATED_AT' && /^created(After|Before)$/.test(name)),
  );

async function searchHalf(manager: EntityManager, walk: Walk, half: Half): Promise<StoredAttachment[]> {
  const near = isRareByNature(walk, half)
    ? null
    : await walkUpTo(manager, { ...walk, half, bound: nearBound(walk) });
  if (near) return near;
  const candidates = await findCandidates(manager, walk, half);
  if (candidates)
    return readAmong(manager, walk, (sql) => selectCandidates(sql, walk, half, candidates(sql)));
  const bound = farBound(walk);
  const far = await walkUpTo(manager, { ...walk, half, bound });
  if (far) return far;
  throw tooManyRows(walk.filter, bound);
}

const isRareByNature = (
  { filter: { record, sha256, status, fileNameContains, claimed, damaged } }: Walk,
  half: Half,
): boolean =>
  (claimed === false && half === 'shared') ||
  damaged === true ||
  record !== undefined ||
  sha256 !== undefined ||
  fileNameContains !== undefined ||
  status?.includes('APPROVED') === false;

/** The half's rows of the page, if no more than `bound` rows have to be looked at for them; else null. */
async function walkUpTo(
  manager: EntityManager,
  { half, bound, ...walk }: Walk & { half: Half; bound: number },
): Promise<StoredAttachment[] | null> {
  const found = await readAmong(manager, walk, (sql) => selectWalk(sql, walk, [half], bound));
  return found.length < walk.limit && (await hasMore(manager, walk, half, bound)) ? null : found;
}

/**
 * How many the viewer may see in all. Rows beyond the greatest total are not looked for. If too many had to be looked at, the total is
 * of those that were; if that is none, throws QUERY_TOO_COMPLEX.
 */
export async function countAttachments(
  manager: EntityManager,
  viewer: Viewer,
  { filter, isTrash }: Pick<AttachmentList, 'filter' | 'isTrash'>,
): Promise<Total> {
  const walk: Walk = {
    viewer,
    table: tableOf(isTrash),
    filter,
    orderBy: newestFirst,
    from: null,
    until: null,
    limit: maxTotal + 1,
  };
  const { ids } = filter;
  if (ids) return toTotal(await count(manager, (sql) => selectNamed(sql, walk, ids)));
  if (!isSearch(walk)) {
    return toTotal(await count(manager, (sql) => selectWalk(sql, walk, halvesOf(walk), null)));
  }
  let counted = 0;
  let isCut = false;
  for (const half of halvesOf(walk)) {
    const ofHalf = await countHalf(manager, { ...walk, limit: maxTotal + 1 - counted }, half);
    counted += ofHalf.count;
    isCut ||= ofHalf.isCut;
    if (counted > maxTotal) break;
  }
  if (isCut && counted === 0) throw tooManyRows(filter, countBound(filter));
  const total = toTotal(counted);
  return { ...total, isExact: total.isExact && !isCut };
}

async function countHalf(
  manager: EntityManager,
  walk: Walk,
  half: Half,
): Promise<{ count: number; isCut: boolean }> {
  const candidates = await findCandidates(manager, walk, half);
  if (candidates) {
    const query: Query = (sql) => selectCandidates(sql, walk, half, candidates(sql));
    return { count: await count(manager, query), isCut: false };
  }
  const bound = countBound(walk.filter);
  const counted = await count(manager, (sql) => selectWalk(sql, walk, [half], bound));
  return { count: counted, isCut: counted < walk.limit && (await hasMore(manager, walk, half, bound)) };
}

async function count(manager: EntityManager, query: Query): Promise<number> {
  const sql = new Parameters(manager);
  const [found] = await manager.query<{ count: number | string }[]>(
    `SELECT COUNT(*) AS count FROM (${query(sql)}) counted`,
    sql.values,
  );
  return Number(found?.count ?? 0);
}

function positionOf({ attachment }: StoredAttachment, field: AttachmentOrder['field']): Position {
  const { id, createdAt, sortName, size } = attachment;
  return { value: { CREATED_AT: createdAt.getTime(), FILE_NAME: sortName, SIZE: size }[field], id };
}

/** As the databases compare: numbers by value, text by its UTF-8 bytes. */
function comparePositions(one: Position, other: Position, direction: 'ASC' | 'DESC'): number {
  const compared =
    typeof one.value === 'number' && typeof other.value === 'number'
      ? one.value - other.value
      : compareTexts(String(one.value), String(other.value));
  return (direction === 'ASC' ? 1 : -1) * (compared || compareTexts(one.id, other.id));
}
