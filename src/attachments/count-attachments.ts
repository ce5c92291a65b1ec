import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { maxTotal, type Total, toTotal } from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { inSnapshot } from '../database/snapshot.js';
import {
  type AttachmentFilter,
  type Half,
  halvesOf,
  hasMore,
  selectWalk,
  type Walk,
} from './attachment-filter.js';
import { findCandidates, tooManyRows, weightOf } from './candidates.js';
import {
  type AttachmentList,
  findOfBoth,
  isRareByNature,
  isSearch,
  newestFirst,
  type Query,
  selectAmong,
  selectNamed,
  tableOf,
} from './list-attachments.js';

/** Rows of a half that are looked at for a count. */
const countBound = (filter: AttachmentFilter) => Math.floor(30_000 / weightOf(filter));

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
  return inSnapshot(manager, (read) => countFound(read, walk));
}

async function countFound(manager: EntityManager, walk: Walk): Promise<Total> {
  const { filter } = walk;
  const isRare = isRareByNature(filter);
  const ofBoth = isRare ? await findOfBoth(manager, walk) : null;
  if (ofBoth) return toTotal(await count(manager, ofBoth));
  let counted = 0;
  let isCut = false;
  for (const half of halvesOf(walk)) {
    const ofHalf = await countHalf(manager, walk, half, isRare);
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
  isRare: boolean,
): Promise<{ count: number; isCut: boolean }> {
  const candidates = await findCandidates(manager, walk, { half, areManyOfBoth: isRare });
  if (candidates) {
    const query: Query = (sql) => selectAmong(sql, walk, half, candidates);
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
