import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { parseMediaType, standardType } from '../content-types/media-types.js';
import { TrashedAttachmentRow } from '../database/entities/attachment.js';
import type { Verdict } from '../database/entities/blob.js';
import type { Position } from '../database/page.js';
import { Parameters } from '../database/read-rows.js';
import { foldName } from '../database/stored-names.js';
import type { RecordRef } from '../model/record.js';
import { type AttachmentTable, tableName } from '../model/stored-attachment.js';

/** Every condition that is given must hold; of the values of one condition, any. */
export interface AttachmentFilter {
  status?: readonly Verdict[] | undefined;
  claimed?: boolean | undefined;
  linked?: boolean | undefined;
  damaged?: boolean | undefined;
  /** Claimed by, or linked to, this record. */
  record?: RecordRef | undefined;
  /** Exact, or a family such as `image/*`. */
  contentType?: readonly string[] | undefined;
  fileNameContains?: string | undefined;
  createdBy?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
  sha256?: string | undefined;
  ids?: readonly string[] | undefined;
}

/** SQL on one row of `attachments a`, of the viewer's organization. */
type Condition<Value> = (sql: Parameters, value: Value, organizationId: string) => string;

const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&');

/*
 * Each condition looks at its row and at rows that the row names, never at a set: a walk along an order asks it of few rows. As
 * scalar subqueries, for PostgreSQL would make joins of others, with all rows of the other table.
 */
const conditions: { [Name in keyof AttachmentFilter]-?: Condition<NonNullable<AttachmentFilter[Name]>> } = {
  status: (sql, status) =>
    sql.isOneOf('(SELECT blobs.verdict FROM blobs WHERE blobs.id = a.blob_id)', status),
  claimed: (_, claimed) => `a.record_id IS ${claimed ? 'NOT NULL' : 'NULL'}`,
  linked: (_, linked) =>
    `(SELECT 1 FROM links WHERE links.attachment_id = a.id LIMIT 1) IS ${linked ? 'NOT NULL' : 'NULL'}`,
  damaged: (_, damaged) =>
    `(SELECT blobs.damaged_at FROM blobs WHERE blobs.id = a.blob_id) IS ${damaged ? 'NOT NULL' : 'NULL'}`,
  record: (sql, { type, id }, organizationId) => {
    const isRecords = (table: string) =>
      `${table}.record_type = ${sql.add(type)} AND ${table}.record_id = ${sql.add(id)}`;
    return `(${isRecords('a')} OR (SELECT 1 FROM links JOIN record_fields ON record_fields.id = links.field_id
      WHERE links.attachment_id = a.id AND record_fields.organization_id = ${sql.add(organizationId)}
        AND ${isRecords('record_fields')} LIMIT 1) IS NOT NULL)`;
  },
  contentType: (sql, types) => `(${types.map((type) => hasType(sql, type)).join(' OR ') || '1 = 0'})`,
  fileNameContains: (sql, text) => hasText(sql, 'a.search_name', text),
  createdBy: (sql, createdBy) => `a.created_by_id = ${sql.add(createdBy)}`,
  createdAfter: (sql, after) => `a.created_at > ${sql.add(after.getTime())}`,
  createdBefore: (sql, before) => `a.created_at < ${sql.add(before.getTime())}`,
  sha256: (sql, sha256) =>
    `(SELECT blobs.sha256 FROM blobs WHERE blobs.id = a.blob_id) = ${sql.add(sha256.toLowerCase())}`,
  ids: (sql, ids) => sql.isOneOf('a.id', ids),
};

/** The name of every type. */
export const anyType = '*/*';

/**
 * A type by any of its names, any type, or a family: the texts from `image/` up to `image0`, the next character behind the
 * slash.
 */
export function hasType(sql: Parameters, type: string): string {
  const name = parseMediaType(type) ?? type.trim().toLowerCase();
  if (name === anyType) return '1 = 1';
  if (!name.endsWith('/*')) return `content_type = ${sql.add(standardType(name))}`;
  const family = name.slice(0, -2);
  return `(content_type > ${sql.add(`${family}/`)} AND content_type < ${sql.add(`${family}0`)})`;
}

export function hasText(sql: Parameters, column: string, text: string): string {
  return `${column} LIKE ${sql.add(`%${escapeLike(foldName(text))}%`)} ESCAPE '\\'`;
}

/** The conditions on `attachments a`, of this organization, that the filter describes. */
function conditionsOf(filter: AttachmentFilter, sql: Parameters, organizationId: string): string[] {
  return Object.entries(conditions).flatMap(([name, condition]) => {
    const value = filter[name as keyof AttachmentFilter];
    return value === undefined ? [] : (condition as Condition<unknown>)(sql, value, organizationId);
  });
}

export interface AttachmentOrder {
  field: 'CREATED_AT' | 'FILE_NAME' | 'SIZE';
  direction: 'ASC' | 'DESC';
}

/** Rows along an order: the first that the filter describes, between two positions. */
export interface Walk {
  viewer: Viewer;
  table: AttachmentTable;
  filter: AttachmentFilter;
  orderBy: AttachmentOrder;
  from: Position | null;
  until: Position | null;
  limit: number;
}

const columns = { CREATED_AT: 'created_at', FILE_NAME: 'sort_name', SIZE: 'size' } as const;

/** A viewer sees everything of its organization that is claimed or linked, and besides that what it made itself. */
export type Half = 'shared' | 'own';

/** A claimed or linked attachment is shared. Nothing in the trash is linked. */
export function halvesOf({ filter, table }: Pick<Walk, 'filter' | 'table'>): Half[] {
  const { claimed, linked, record } = filter;
  if (linked && table === TrashedAttachmentRow) return [];
  return claimed || linked || record ? ['shared'] : ['shared', 'own'];
}

/** The columns that conditions look at. */
const examined = ['id', 'blob_id', 'search_name', 'content_type', 'size', 'sort_name', 'record_type']
  .concat(['record_id', 'created_by_id', 'created_at'])
  .map((column) => `a.${column}`)
  .join(', ');

/** Reads each half from an index of its own, and merges them. `bound`: of each half no more rows are looked at. */
export function selectWalk(
  sql: Parameters,
  walk: Walk,
  halves: readonly Half[],
  bound: number | null,
): string {
  const { viewer, filter, orderBy, table } = walk;
  const { direction } = orderBy;
  // In the text: SQLite plans by a limit, and would prepare a statement again for each that it is given.
  const { limit } = walk;
  const queries = halves.map((half) => {
    const rows = `FROM ${tableName(table)} a WHERE ${stretchOf(sql, walk, half)}`;
    const source =
      bound === null
        ? `${rows} LIMIT ${limit}`
        : `FROM (SELECT ${examined} ${rows} LIMIT ${bound}) a
           WHERE ${conditionsOf(filter, sql, viewer.organizationId).join(' AND ')} LIMIT ${limit}`;
    return `SELECT * FROM (SELECT a.id, a.${columns[orderBy.field]} AS value ${source}) ${half}_half`;
  });
  const [only] = queries;
  if (queries.length === 1 && only !== undefined) return only;
  return `${queries.join(' UNION ALL ')} ORDER BY value ${direction}, id ${direction} LIMIT ${limit}`;
}

/** Whether the half goes on behind so many rows. */
export async function hasMore(
  manager: EntityManager,
  walk: Walk,
  half: Half,
  bound: number,
): Promise<boolean> {
  const sql = new Parameters(manager);
  const next = `SELECT a.id FROM ${tableName(walk.table)} a WHERE ${stretchOf(sql, walk, half)} LIMIT 1 OFFSET ${bound}`;
  return (await manager.query<object[]>(next, sql.values)).length > 0;
}

/** A condition: the row is of the half, or of one of both. No index is on its expression. */
function isOfHalf(sql: Parameters, half: Half | null, principalId: string): string {
  if (half === 'shared') return 'a.shared';
  const isMine = `a.created_by_id || '' = ${sql.add(principalId)}`;
  return half === 'own' ? `${isMine} AND a.shared = ${sql.add(false)}` : `(a.shared OR ${isMine})`;
}

/** Sorts those rows of a half, or of both, that the filter describes among rows that are looked up one by one. */
export function selectCandidates(
  sql: Parameters,
  walk: Walk,
  half: Half | null,
  isCandidate: string,
): string {
  const { viewer, filter, orderBy, limit, table } = walk;
  const { organizationId, principal } = viewer;
  const { direction } = orderBy;
  const column = columns[orderBy.field];
  const conditions = [
    isCandidate,
    // No index is on expressions: SQLite would otherwise walk one of the organization.
    `a.organization_id || '' = ${sql.add(organizationId)}`,
    isOfHalf(sql, half, principal.id),
    ...conditionsOf(filter, sql, organizationId),
    ...positionsOf(sql, walk),
  ];
  return `SELECT a.id FROM ${tableName(table)} a WHERE ${conditions.join(' AND ')}
    ORDER BY a.${column} ${direction}, a.id ${direction} LIMIT ${limit}`;
}

/** The rows of a half behind the walk's position, in order: SQL from its conditions on. Along the order of creation, times are part of the way. */
function stretchOf(sql: Parameters, walk: Walk, half: Half): string {
  const { viewer, orderBy } = walk;
  const { organizationId, principal } = viewer;
  const conditions = [
    `a.organization_id = ${sql.add(organizationId)}`,
    half === 'shared'
      ? // In the words of the indexes of what is shared, for SQLite recognizes them by nothing else.
        'a.shared'
      : `a.created_by_id = ${sql.add(principal.id)} AND a.shared = ${sql.add(false)}`,
    ...conditionsOfBounds(sql, walk),
  ];
  const column = columns[orderBy.field];
  return `${conditions.join(' AND ')} ORDER BY a.${column} ${orderBy.direction}, a.id ${orderBy.direction}`;
}

/** The narrower of a time and a position at either end alone: from the other an index would be walked to it. */
function conditionsOfBounds(sql: Parameters, walk: Walk): string[] {
  const { viewer, filter, orderBy, from, until } = walk;
  if (orderBy.field !== 'CREATED_AT') return positionsOf(sql, walk);
  const ofTime = (times: AttachmentFilter) => conditionsOf(times, sql, viewer.organizationId);
  const isRising = orderBy.direction === 'ASC';
  const { createdAfter, createdBefore } = filter;
  const [lowest, highest] = isRising ? [from, until] : [until, from];
  return [
    ...(createdAfter && (lowest === null || createdAfter.getTime() >= Number(lowest.value))
      ? ofTime({ createdAfter })
      : positionOn(sql, orderBy.field, '>', lowest)),
    ...(createdBefore && (highest === null || createdBefore.getTime() <= Number(highest.value))
      ? ofTime({ createdBefore })
      : positionOn(sql, orderBy.field, '<', highest)),
  ];
}

function positionsOf(sql: Parameters, { orderBy: { field, direction }, from, until }: Walk): string[] {
  const [beyond, short] = direction === 'ASC' ? (['>', '<'] as const) : (['<', '>'] as const);
  return [...positionOn(sql, field, beyond, from), ...positionOn(sql, field, short, until)];
}

/** None without a position. */
function positionOn(
  sql: Parameters,
  field: AttachmentOrder['field'],
  side: '<' | '>',
  position: Position | null,
): string[] {
  if (!position) return [];
  return [`(a.${columns[field]}, a.id) ${side} (${sql.add(position.value)}, ${sql.add(position.id)})`];
}
