import { parseMediaType, standardType } from '../content-types/content-type-names.js';
import type { Verdict } from '../database/entities/blob.js';
import { foldName } from '../database/name-forms.js';
import type { Parameters } from '../database/read-rows.js';
import { type AttachmentError, fault } from '../errors.js';
import type { RecordRef } from '../model/record.js';

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
export function conditionsOf(filter: AttachmentFilter, sql: Parameters, organizationId: string): string[] {
  return Object.entries(conditions).flatMap(([name, condition]) => {
    const value = filter[name as keyof AttachmentFilter];
    return value === undefined ? [] : (condition as Condition<unknown>)(sql, value, organizationId);
  });
}

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
