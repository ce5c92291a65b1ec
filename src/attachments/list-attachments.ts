import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { compareTexts, decodeCursor, encodeCursor, type Position } from '../database/cursor.js';
import {
  checkPageSize,
  maxTotal,
  type Page,
  type PageRequest,
  type Total,
  toPage,
  toTotal,
} from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';
import { readStoredAmong, type StoredAttachment } from '../model/stored-attachment.js';
import { type AttachmentFilter, conditionsOf } from './attachment-filter.js';

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
 * One page of what the viewer may see, in one statement. Each half is read in order from an index of its own and the two are
 * merged, so that a page costs the same however many rows there are. Throws BAD_USER_INPUT for a bad cursor or page size.
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
  const { field, direction } = orderBy;
  const order = `${field} ${direction}`;
  const from =
    after === null ? null : decodeCursor(order, after, field === 'FILE_NAME' ? 'string' : 'number');
  const found = await readStoredAmong(manager, (sql) => {
    const limit = sql.add(first + 1);
    const halves = halvesOf(filter).map((half) => {
      const rows = selectHalf(sql, viewer, half, filter);
      return `SELECT * FROM (SELECT a.id, a.${columns[field]} AS value ${rows}
        ${stretchOf(sql, orderBy, from)} LIMIT ${limit}) ${half}_half`;
    });
    return `${halves.join(' UNION ALL ')} ORDER BY value ${direction}, id ${direction} LIMIT ${limit}`;
  });
  const sorted = found
    .map((stored) => ({ stored, position: positionOf(stored, field) }))
    .sort((one, other) => comparePositions(one.position, other.position, direction));
  const page = toPage({ first, after }, sorted, ({ position }) => encodeCursor(order, position));
  return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: node.stored })) };
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
    const sql = new Parameters(manager);
    const rows = selectHalf(sql, viewer, half, filter);
    // SQLite would walk any index of the organization, whose rows lie in no order: those of one age lie side by side.
    const order = hasRowLocks(manager) ? '' : 'ORDER BY a.created_at DESC';
    const counting = `SELECT COUNT(*) AS count FROM (SELECT 1 ${rows} ${order} LIMIT ${sql.add(left)}) counted`;
    const [found] = await manager.query<{ count: number | string }[]>(counting, sql.values);
    counted += Number(found?.count ?? 0);
  }
  return toTotal(counted);
}

/** The rows of a half that the filter describes: SQL from FROM on. */
function selectHalf(
  sql: Parameters,
  { organizationId, principal }: Viewer,
  half: Half,
  filter: AttachmentFilter,
): string {
  const isOfHalf =
    half === 'shared'
      ? // In the words of the indexes of what is shared, for SQLite recognizes them by nothing else.
        'a.shared'
      : `a.created_by_id = ${sql.add(principal.id)} AND a.shared = ${sql.add(false)}`;
  const conditions = [isOfHalf, ...conditionsOf(filter, sql, organizationId)];
  return `FROM attachments a WHERE a.organization_id = ${sql.add(organizationId)} AND ${conditions.join(' AND ')}`;
}

/** The rows behind a position, in order: SQL behind other conditions. */
function stretchOf(sql: Parameters, { field, direction }: AttachmentOrder, from: Position | null): string {
  const column = columns[field];
  const isBeyond =
    from &&
    `AND (a.${column}, a.id) ${direction === 'ASC' ? '>' : '<'} (${sql.add(from.value)}, ${sql.add(from.id)})`;
  return `${isBeyond ?? ''} ORDER BY a.${column} ${direction}, a.id ${direction}`;
}

function positionOf({ attachment }: StoredAttachment, field: AttachmentOrderField): Position {
  const { id, createdAt, fileName, size } = attachment;
  return { value: { CREATED_AT: createdAt.getTime(), FILE_NAME: fileName, SIZE: size }[field], id };
}

/** As the databases compare: numbers by value, text by its UTF-8 bytes. */
function comparePositions(one: Position, other: Position, direction: 'ASC' | 'DESC'): number {
  const compared =
    typeof one.value === 'number' && typeof other.value === 'number'
      ? one.value - other.value
      : compareTexts(String(one.value), String(other.value));
  return (direction === 'ASC' ? 1 : -1) * (compared || compareTexts(one.id, other.id));
}
