import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { decodeCursor, encodeCursor, type Position } from '../database/cursor.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import {
  checkPageSize,
  countUpTo,
  maxTotal,
  type Page,
  type PageRequest,
  type Total,
  toPage,
  toTotal,
} from '../database/page.js';
import { hasRowLocks } from '../database/row-locks.js';
import { readAttachments, type StoredAttachment } from '../model/stored-attachment.js';
import { type AttachmentFilter, applyFilter } from './attachment-filter.js';

export type AttachmentOrderField = 'CREATED_AT' | 'FILE_NAME' | 'SIZE';

export interface AttachmentOrder {
  field: AttachmentOrderField;
  direction: 'ASC' | 'DESC';
}

export interface AttachmentList extends PageRequest {
  filter: AttachmentFilter;
  orderBy: AttachmentOrder;
}

const columns = { CREATED_AT: 'created_at', FILE_NAME: 'file_name', SIZE: 'size' } as const;

/** A viewer sees everything of its organization that is claimed or linked, and besides that what it made itself. */
type Half = 'shared' | 'own';

/** A claimed attachment is shared. */
const halvesOf = ({ claimed }: AttachmentFilter): Half[] =>
  claimed === true ? ['shared'] : ['shared', 'own'];

/**
 * One page of what the viewer may see. Each half is read in order from an index of its own and the two are merged, so that a
 * page costs the same however many rows there are. Throws BAD_USER_INPUT for a bad cursor or page size.
 *
 * @example
 * await listAttachments(manager, viewer, { filter, orderBy: { field: 'SIZE', direction: 'DESC' }, first: 50, after: null });
 */
export async function listAttachments(
  manager: EntityManager,
  viewer: Viewer,
  { filter, orderBy, first, after }: AttachmentList,
): Promise<Page<StoredAttachment>> {
  checkPageSize(first);
  const order = `${orderBy.field} ${orderBy.direction}`;
  const from =
    after === null ? null : decodeCursor(order, after, orderBy.field === 'FILE_NAME' ? 'string' : 'number');
  const halves: Position[][] = [];
  // One after the other: a list takes one connection.
  for (const half of halvesOf(filter))
    halves.push(await readPositions(selectHalf(manager, viewer, half, filter), orderBy, from, first + 1));
  const positions = merge(halves, orderBy);
  const page = toPage({ first, after }, positions, (position) => encodeCursor(order, position));
  const ids = page.edges.map(({ node }) => node.id);
  const stored = new Map(
    (await readAttachments(manager, viewer, ids)).map((one) => [one.attachment.id, one]),
  );
  const edges = page.edges.flatMap(({ cursor, node }) => {
    const found = stored.get(node.id);
    return found ? [{ cursor, node: found }] : [];
  });
  return { ...page, edges };
}

/** How many the viewer may see in all. Rows beyond the greatest total are not looked for. */
export async function countAttachments(
  manager: EntityManager,
  viewer: Viewer,
  filter: AttachmentFilter,
): Promise<Total> {
  let counted = 0;
  for (const half of halvesOf(filter)) {
    const left = maxTotal + 1 - counted;
    if (left === 0) break;
    const query = selectHalf(manager, viewer, half, filter);
    // SQLite would walk any index of the organization, whose rows lie in no order: those of one age lie side by side.
    if (!hasRowLocks(manager)) query.orderBy('a.created_at', 'DESC');
    counted += await countUpTo(manager, query, left);
  }
  return toTotal(counted);
}

function selectHalf(
  manager: EntityManager,
  viewer: Viewer,
  half: Half,
  filter: AttachmentFilter,
): SelectQueryBuilder<AttachmentRow> {
  const query = manager
    .createQueryBuilder(AttachmentRow, 'a')
    .where('a.organization_id = :organizationId AND a.shared = :shared', {
      organizationId: viewer.organizationId,
      shared: half === 'shared',
    });
  // In the words of the indexes of what is shared, for SQLite recognizes them by nothing else.
  if (half === 'shared') query.andWhere('a.shared');
  else query.andWhere('a.created_by_id = :viewer', { viewer: viewer.principal.id });
  applyFilter(query, filter);
  return query;
}

async function readPositions(
  query: SelectQueryBuilder<AttachmentRow>,
  { field, direction }: AttachmentOrder,
  after: Position | null,
  limit: number,
): Promise<Position[]> {
  const column = columns[field];
  if (after) {
    const beyond = direction === 'ASC' ? '>' : '<';
    query.andWhere(`(a.${column}, a.id) ${beyond} (:afterValue, :afterId)`, {
      afterValue: after.value,
      afterId: after.id,
    });
  }
  const rows = await query
    .select('a.id', 'id')
    .addSelect(`a.${column}`, 'value')
    .orderBy(`a.${column}`, direction)
    .addOrderBy('a.id', direction)
    .limit(limit)
    .getRawMany<Position>();
  return field === 'FILE_NAME' ? rows : rows.map(({ id, value }) => ({ id, value: Number(value) }));
}

function merge(sorted: readonly Position[][], { direction }: AttachmentOrder): Position[] {
  const sign = direction === 'ASC' ? 1 : -1;
  return sorted.flat().sort((a, b) => sign * (compare(a.value, b.value) || compare(a.id, b.id)));
}

/** As the databases compare: numbers by value, text by its UTF-8 bytes. */
function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
