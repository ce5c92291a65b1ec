import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks } from '../database/row-locks.js';
import { foldName, hasTrigrams } from '../database/stored-names.js';
import { type AttachmentError, fault } from '../errors.js';
import { type AttachmentTable, tableName } from '../model/stored-attachment.js';
import {
  type AttachmentFilter,
  anyType,
  type Half,
  hasText,
  hasType,
  type Walk,
} from './attachment-filter.js';

/** Rows of one condition that are looked at one by one. A condition that has more is frequent: a walk meets such rows soon. */
const maxCandidates = 5_000;

/** A condition on `attachments a` that few rows meet, all of those among them that the filter describes. */
export interface Candidates {
  isCandidate(sql: Parameters): string;
  /** The conditions that are left to be asked of each. */
  filter: AttachmentFilter;
}

interface Query {
  sql: Parameters;
  table: AttachmentTable;
  /**
   * The column that rows are known by within a statement: on SQLite their number, which every index has. PostgreSQL finds a row
   * by its place in the table without an index, but an index alone does not tell it.
   */
  key: 'rowid' | 'id' | 'ctid';
  viewer: Viewer;
}

/** Rows that meet a condition. */
interface Source {
  /** A query for the keys of all: it costs as much as it finds. */
  select(query: Query): string;
  /** Whether it has to look at the rows themselves, not at an index alone. */
  readsRows?: boolean;
  /** The condition of the filter that all of them meet, if there is one. */
  name?: keyof AttachmentFilter;
}

export interface CandidatesOptions {
  /** The half that they are of; null for those of both. */
  half: Half | null;
  /** Whether those of both have been found to be many. */
  areManyOfBoth?: boolean;
}

/**
 * The fewest rows that one condition of the filter alone has; null if each has more than 5,000, or no index. Counts them as far as
 * that, in one statement.
 */
export async function findCandidates(
  manager: EntityManager,
  { viewer, filter, table }: Pick<Walk, 'viewer' | 'filter' | 'table'>,
  { half, areManyOfBoth = false }: CandidatesOptions,
): Promise<Candidates | null> {
  // Names in the trash are in no index.
  const hasNames = table === AttachmentRow && (await hasTrigrams(manager));
  const sources = [
    ...(areManyOfBoth ? [] : sourcesOf(filter, hasNames)),
    ...(half === null ? [] : sourcesOfHalf(filter, half)),
  ];
  if (sources.length === 0) return null;
  const [ofRow, ofEntry] = hasRowLocks(manager) ? (['ctid', 'id'] as const) : (['rowid', 'rowid'] as const);
  const keyOf = ({ readsRows }: Source) => (readsRows ? ofRow : ofEntry);
  const sql = new Parameters(manager);
  const counts = sources.map(
    (
      source,
      index,
    ) => `(SELECT COUNT(*) FROM (SELECT 1 FROM (${source.select({ sql, table, key: keyOf(source), viewer })}) source
      LIMIT ${maxCandidates + 1}) counted) AS c${index}`,
  );
  const [found = {}] = await manager.query<Record<string, number | string>[]>(
    `SELECT ${counts.join(', ')}`,
    sql.values,
  );
  const figures = Object.values(found).map(Number);
  const least = Math.min(...figures);
  const source = sources[figures.indexOf(least)];
  if (source === undefined || least > maxCandidates) return null;
  const key = keyOf(source);
  // As an array, which PostgreSQL looks up key by key.
  const asSet = (query: string) => (hasRowLocks(manager) ? `= ANY(ARRAY(${query}))` : `IN (${query})`);
  return {
    isCandidate: (sql) => `a.${key} ${asSet(source.select({ sql, table, key, viewer }))}`,
    filter: source.name === undefined ? filter : { ...filter, [source.name]: undefined },
  };
}

function sourcesOf(filter: AttachmentFilter, hasNames: boolean): Source[] {
  const { status, claimed, linked, damaged, record, contentType, fileNameContains, createdBy, sha256 } =
    filter;
  const sources: (Source | false | null | undefined)[] = [
    record && { name: 'record', select: (query) => ofRecord(query, record) },
    sha256 !== undefined && {
      name: 'sha256',
      select: (query) => ofDigest(query, sha256),
      readsRows: true,
    },
    status &&
      !status.includes('APPROVED') && {
        name: 'status',
        select: (query) => ofVerdict(query, status),
        readsRows: true,
      },
    damaged === true && { name: 'damaged', select: damagedOnes, readsRows: true },
    hasNames && fileNameContains !== undefined && ofName(fileNameContains),
    contentType &&
      !contentType.includes(anyType) && {
        name: 'contentType',
        select: (query) => ofTypes(query, contentType),
      },
    createdBy !== undefined && { name: 'createdBy', select: (query) => ofCreator(query, createdBy) },
    claimed === true && { name: 'claimed', select: claimedOnes },
    linked === true && { name: 'linked', select: linkedOnes },
  ];
  return sources.filter((source) => typeof source === 'object' && source !== null);
}

function sourcesOfHalf(filter: AttachmentFilter, half: Half): Source[] {
  const { claimed, createdAfter, createdBefore } = filter;
  const sources: (Source | false)[] = [
    (createdAfter ?? createdBefore) !== undefined && { select: (query) => ofTime(query, half, filter) },
    claimed === false && half === 'shared' && { name: 'claimed', select: unclaimedOnes },
    half === 'own' && { select: ownOnes },
  ];
  return sources.filter((source) => source !== false);
}

/** The table, by one name whichever it is. */
const rowsOf = ({ table }: Query) =>
  table === AttachmentRow ? 'attachments' : `${tableName(table)} attachments`;

const ofOrganization = ({ sql, viewer }: Query, table = 'attachments') =>
  `${table}.organization_id = ${sql.add(viewer.organizationId)}`;

function ofRecord(query: Query, { type, id }: NonNullable<AttachmentFilter['record']>): string {
  const { key, sql } = query;
  const isRecords = (table: string) => `${ofOrganization(query, table)}
    AND ${table}.record_type = ${sql.add(type)} AND ${table}.record_id = ${sql.add(id)}`;
  return `SELECT ${key} FROM ${rowsOf(query)} WHERE ${isRecords('attachments')}
    UNION ALL SELECT attachments.${key} FROM record_fields JOIN links ON links.field_id = record_fields.id
      JOIN ${rowsOf(query)} ON attachments.id = links.attachment_id WHERE ${isRecords('record_fields')}`;
}

const ofBlobs = (query: Query) =>
  `SELECT attachments.${query.key} FROM blobs JOIN ${rowsOf(query)} ON attachments.blob_id = blobs.id
   WHERE ${ofOrganization(query, 'blobs')}`;

const ofDigest = (query: Query, sha256: string) =>
  `${ofBlobs(query)} AND blobs.sha256 = ${query.sql.add(sha256.toLowerCase())}`;

const ofVerdict = (query: Query, status: NonNullable<AttachmentFilter['status']>) =>
  `${ofBlobs(query)} AND blobs.verdict <> 'APPROVED' AND ${query.sql.isOneOf('blobs.verdict', status)}`;

const damagedOnes = (query: Query) => `${ofBlobs(query)} AND blobs.damaged_at IS NOT NULL`;

/** More trigrams of a text would leave out few rows more. */
const maxTrigrams = 20;

/** None for texts that are too short to have a trigram. */
function ofName(text: string): Source | null {
  const letters = [...foldName(text)];
  const trigrams = letters.slice(2).map((_, index) => letters.slice(index, index + 3).join(''));
  // U+0000 would end the expression; no name has it.
  const terms = [...new Set(trigrams)].filter((one) => !one.includes('\0')).slice(0, maxTrigrams);
  if (terms.length === 0) return null;
  const expression = terms.map((term) => `"${term.replaceAll('"', '""')}"`).join(' AND ');
  const select = (query: Query) => {
    const { sql, key } = query;
    if (key !== 'rowid')
      return `SELECT ${key} FROM attachments WHERE ${hasText(sql, 'search_name', text)} AND ${ofOrganization(query)}`;
    return `SELECT rowid FROM name_trigrams WHERE name_trigrams MATCH ${sql.add(expression)}
      UNION ALL SELECT row_id FROM name_changes WHERE is_new AND ${hasText(sql, 'name', text)}`;
  };
  return { select, readsRows: true };
}

function ofTime(query: Query, half: Half, { createdAfter, createdBefore }: AttachmentFilter): string {
  const { key, sql } = query;
  const isThen = [
    ...(createdAfter ? [`created_at > ${sql.add(createdAfter.getTime())}`] : []),
    ...(createdBefore ? [`created_at < ${sql.add(createdBefore.getTime())}`] : []),
  ].join(' AND ');
  if (half === 'own') return `${ownOnes(query)} AND ${isThen}`;
  return `SELECT ${key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)} AND shared AND ${isThen}`;
}

const ownOnes = (query: Query) =>
  `SELECT ${query.key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)}
   AND created_by_id = ${query.sql.add(query.viewer.principal.id)} AND shared = ${query.sql.add(false)}`;

function ofTypes(query: Query, types: readonly string[]): string {
  const { key, sql } = query;
  const queries = types.map(
    (
      type,
    ) => `SELECT * FROM (SELECT ${key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)} AND ${hasType(sql, type)}
      ORDER BY organization_id, content_type, id LIMIT ${maxCandidates + 1}) of_type`,
  );
  return queries.join(' UNION ALL ') || `SELECT ${key} FROM ${rowsOf(query)} WHERE 1 = 0`;
}

// In the order of its index, for PostgreSQL would otherwise read the table until it has met enough rows.
const ofCreator = (query: Query, createdBy: string) =>
  `SELECT ${query.key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)} AND created_by_id = ${query.sql.add(createdBy)}
   ORDER BY organization_id, created_by_id, shared, created_at, id LIMIT ${maxCandidates + 1}`;

const claimedOnes = (query: Query) =>
  `SELECT ${query.key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)} AND record_id IS NOT NULL
   ORDER BY organization_id, record_type, record_id, created_at, id LIMIT ${maxCandidates + 1}`;

const unclaimedOnes = (query: Query) =>
  `SELECT ${query.key} FROM ${rowsOf(query)} WHERE ${ofOrganization(query)} AND shared AND record_id IS NULL`;

/** Fields without links count too: there may be any number of them. */
const linkedOnes = (query: Query) =>
  `SELECT attachments.${query.key} FROM record_fields LEFT JOIN links ON links.field_id = record_fields.id
   LEFT JOIN attachments ON attachments.id = links.attachment_id WHERE ${ofOrganization(query, 'record_fields')}`;

const lookUps: readonly string[] = [
  'damaged',
  'status',
  'linked',
  'record',
  'sha256',
] satisfies (keyof AttachmentFilter)[];

/** How many rows are read for each that is looked at. If a condition is on the row itself, few are left for the others. */
export function weightOf(filter: AttachmentFilter): number {
  const names = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return names.every((name) => lookUps.includes(name)) ? 1 + names.length : 1;
}

/** QUERY_TOO_COMPLEX: many rows meet each condition alone, and too few of those that were looked at meet all. */
export function tooManyRows(filter: AttachmentFilter, limit: number): AttachmentError {
  const names = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const msg = `More than ${limit} attachments would have to be looked at for ${names.join(' and ')}. Add a condition that few meet, such as record, sha256, a fileNameContains of at least 3 characters or a shorter time of creation, or another order.`;
  return fault('too_many_rows', ['filter'], msg, { message: msg, limit });
}
