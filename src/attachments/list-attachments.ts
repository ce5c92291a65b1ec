import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import {
  type Cursors,
  compareTexts,
  type Page,
  type PageRequest,
  type Position,
  readPage,
  type Stretch,
} from '../database/page.js';
import { areReadAtOnce, type Parameters } from '../database/read-rows.js';
import { inSnapshot } from '../database/snapshot.js';
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
import { type Candidates, findCandidates, tooManyRows, weightOf } from './candidates.js';

export interface AttachmentList {
  filter: AttachmentFilter;
  orderBy: AttachmentOrder;
  /** Those in the trash; left out: those in use. */
  isTrash?: boolean;
}

export type Query = (sql: Parameters) => string;

/** Rows that a walk looks at first, before it is asked whether few rows meet a condition. */
const nearBound = ({ limit }: Walk) => 500 + 10 * limit;
/**
 * Rows that it looks at if many meet each: a condition that one row in a hundred meets fills the page by then. Rows of one age lie
 * side by side, and take a fraction of the time.
 */
const farBound = ({ filter, orderBy, limit }: Walk) =>
  Math.floor(((5_000 + 100 * limit) * (orderBy.field === 'CREATED_AT' ? 2 : 1)) / weightOf(filter));

/**
 * One page of what the viewer may see. Few rows that meet a condition are sorted; a condition that many meet is found along the
 * order, where each half has an index of its own. Throws BAD_USER_INPUT for a bad cursor; QUERY_TOO_COMPLEX if too many
 * rows had to be looked at. `manager` is that of a list.
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

export const tableOf = (isTrash = false): AttachmentTable => (isTrash ? TrashedAttachmentRow : AttachmentRow);

const turned = ({ field, direction }: AttachmentOrder): AttachmentOrder => ({
  field,
  direction: direction === 'ASC' ? 'DESC' : 'ASC',
});

/** The first rows of each half, as many as the page may have: in no order. */
async function findPage(manager: EntityManager, walk: Walk): Promise<StoredAttachment[]> {
  const { ids } = walk.filter;
  if (ids) return readAmong(manager, walk, (sql) => selectNamed(sql, walk, ids));
  if (!isSearch(walk)) return readAmong(manager, walk, (sql) => selectWalk(sql, walk, halvesOf(walk), null));
  // A claim takes a row from one half to the other.
  return inSnapshot(manager, (read) => search(read, walk));
}

async function search(manager: EntityManager, walk: Walk): Promise<StoredAttachment[]> {
  const isRare = isRareByNature(walk.filter);
  const ofBoth = isRare ? await findOfBoth(manager, walk) : null;
  if (ofBoth) return readAmong(manager, walk, ofBoth);
  const found: StoredAttachment[][] = [];
  // One after the other: a list takes one connection.
  for (const half of halvesOf(walk)) found.push(await searchHalf(manager, walk, half, isRare));
  return found.flat();
}

/** A query for the rows of both halves that the filter describes, among few that meet one condition; null if each has many. */
export async function findOfBoth(manager: EntityManager, walk: Walk): Promise<Query | null> {
  const halves = halvesOf(walk);
  if (halves.length === 0) return null;
  const candidates = await findCandidates(manager, walk, { half: null });
  const [only = null, other] = halves;
  return candidates && ((sql) => selectAmong(sql, walk, other ? null : only, candidates));
}

export const selectAmong = (sql: Parameters, walk: Walk, half: Half | null, candidates: Candidates): string =>
  selectCandidates(sql, { ...walk, filter: candidates.filter }, half, candidates.isCandidate(sql));

function readAmong(
  manager: EntityManager,
  { table, limit }: Walk,
  query: Query,
): Promise<StoredAttachment[]> {
  const read = (from: EntityManager) => readStoredAmong(from, query, table, { maxRows: limit });
  return areReadAtOnce(manager, limit) ? read(manager) : inSnapshot(manager, read);
}

/** Rows of both halves by their ids: there are few. */
export const selectNamed = (sql: Parameters, walk: Walk, ids: readonly string[]): string =>
  selectCandidates(sql, walk, null, sql.isOneOf('a.id', ids));

/** Whether rows have to be looked at that may not be on the page. */
export const isSearch = ({ filter, orderBy }: Walk) =>
  Object.entries(filter).some(
    ([name, value]) =>
      value !== undefined && !(orderBy.field === 'CREATED_AT' && /^created(After|Before)$/.test(name)),
  );

async function searchHalf(
  manager: EntityManager,
  walk: Walk,
  half: Half,
  isRare: boolean,
): Promise<StoredAttachment[]> {
  const isWalked = !isRare && !(walk.filter.claimed === false && half === 'shared');
  const near = isWalked ? await walkUpTo(manager, { ...walk, half, bound: nearBound(walk) }) : null;
  if (near) return near;
  const candidates = await findCandidates(manager, walk, { half, areManyOfBoth: isRare });
  if (candidates) return readAmong(manager, walk, (sql) => selectAmong(sql, walk, half, candidates));
  const bound = farBound(walk);
  const far = await walkUpTo(manager, { ...walk, half, bound });
  if (far) return far;
  throw tooManyRows(walk.filter, bound);
}

/** Whether one condition is met by few, whichever half they are of. */
export const isRareByNature = ({
  record,
  sha256,
  status,
  fileNameContains,
  damaged,
}: AttachmentFilter): boolean =>
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
