import type { Verdict } from '../database/entities/blob.js';
import type { Parameters } from '../database/read-rows.js';
import type { RecordRef } from '../model/record.js';

/** Every condition that is given must hold; of the values of one condition, any. */
export interface AttachmentFilter {
  status?: readonly Verdict[] | undefined;
  claimed?: boolean | undefined;
  linked?: boolean | undefined;
  /** Claimed by, or linked to, this record. */
  record?: RecordRef | undefined;
  /** Exact, or a family such as `image/*`. */
  contentType?: readonly string[] | undefined;
  fileNameContains?: string | undefined;
  createdBy?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
  sha256?: string | undefined;
}

/** SQL on `attachments a`, of the viewer's organization. */
type Condition<Value> = (sql: Parameters, value: Value, organizationId: string) => string;

const exists = (wanted: boolean) => (wanted ? 'EXISTS' : 'NOT EXISTS');
const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&');
const lowerAscii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const conditions: { [Name in keyof AttachmentFilter]-?: Condition<NonNullable<AttachmentFilter[Name]>> } = {
  status: (sql, status, organizationId) => {
    const isWanted = sql.isOneOf('blobs.verdict', status);
    if (status.includes('APPROVED'))
      return `EXISTS (SELECT 1 FROM blobs WHERE blobs.id = a.blob_id AND ${isWanted})`;
    // Found by their blobs: few are not approved, and in the order of a page there may be millions of others before them.
    return `a.id IN (SELECT attachments.id FROM blobs JOIN attachments ON attachments.blob_id = blobs.id
      WHERE blobs.organization_id = ${sql.add(organizationId)} AND blobs.verdict <> 'APPROVED' AND ${isWanted})`;
  },
  claimed: (_, claimed) => `a.record_id IS ${claimed ? 'NOT NULL' : 'NULL'}`,
  linked: (_, linked) => `${exists(linked)} (SELECT 1 FROM links WHERE links.attachment_id = a.id)`,
  record: (sql, { type, id }, organizationId) => {
    const isRecords = (table: string) => `${table}.organization_id = ${sql.add(organizationId)}
      AND ${table}.record_type = ${sql.add(type)} AND ${table}.record_id = ${sql.add(id)}`;
    return `a.id IN (SELECT attachments.id FROM attachments WHERE ${isRecords('attachments')}
      UNION SELECT links.attachment_id FROM links JOIN record_fields ON record_fields.id = links.field_id
        WHERE ${isRecords('record_fields')})`;
  },
  contentType: (sql, types) => {
    const alternatives = types.map((type) => `a.content_type LIKE ${sql.add(typePattern(type))} ESCAPE '\\'`);
    return alternatives.length > 0 ? `(${alternatives.join(' OR ')})` : '1 = 0';
  },
  fileNameContains: (sql, text) =>
    `LOWER(a.file_name) LIKE ${sql.add(`%${escapeLike(lowerAscii(text))}%`)} ESCAPE '\\'`,
  createdBy: (sql, createdBy) => `a.created_by_id = ${sql.add(createdBy)}`,
  createdAfter: (sql, after) => `a.created_at > ${sql.add(after.getTime())}`,
  createdBefore: (sql, before) => `a.created_at < ${sql.add(before.getTime())}`,
  sha256: (sql, sha256, organizationId) => `a.blob_id IN (SELECT id FROM blobs
    WHERE blobs.organization_id = ${sql.add(organizationId)} AND blobs.sha256 = ${sql.add(sha256.toLowerCase())})`,
};

function typePattern(type: string): string {
  return type.endsWith('/*') ? `${escapeLike(type.slice(0, -1))}%` : escapeLike(type);
}

/** The conditions on `attachments a`, of this organization, that the filter describes. */
export function conditionsOf(filter: AttachmentFilter, sql: Parameters, organizationId: string): string[] {
  return Object.entries(conditions).flatMap(([name, condition]) => {
    const value = filter[name as keyof AttachmentFilter];
    return value === undefined ? [] : (condition as Condition<unknown>)(sql, value, organizationId);
  });
}
