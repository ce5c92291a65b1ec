import type { SelectQueryBuilder } from 'typeorm';
import type { AttachmentRow } from '../database/entities/attachment.js';
import type { Verdict } from '../database/entities/blob.js';
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

type Query = SelectQueryBuilder<AttachmentRow>;
type Condition<Value> = (query: Query, value: Value) => void;

const exists = (wanted: boolean) => (wanted ? 'EXISTS' : 'NOT EXISTS');
const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&');
const lowerAscii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const recordIds = `a.id IN (
  SELECT id FROM attachments
  WHERE organization_id = :organizationId AND record_type = :recordType AND record_id = :recordId
  UNION
  SELECT links.attachment_id FROM links JOIN record_fields ON record_fields.id = links.field_id
  WHERE record_fields.organization_id = :organizationId
    AND record_fields.record_type = :recordType AND record_fields.record_id = :recordId)`;

const hasVerdict = `EXISTS (SELECT 1 FROM blobs WHERE blobs.id = a.blob_id AND blobs.verdict IN (:...status))`;

/** Found by their blobs: few are not approved, and in the order of a page there may be millions of others before them. */
const hasOtherVerdict = `a.id IN (
  SELECT attachments.id FROM blobs JOIN attachments ON attachments.blob_id = blobs.id
  WHERE blobs.organization_id = :organizationId AND blobs.verdict <> 'APPROVED' AND blobs.verdict IN (:...status))`;

const conditions: { [Name in keyof AttachmentFilter]-?: Condition<NonNullable<AttachmentFilter[Name]>> } = {
  status: (query, status) => {
    const condition = status.includes('APPROVED') ? hasVerdict : hasOtherVerdict;
    query.andWhere(condition, { status: status.length > 0 ? status : [''] });
  },
  claimed: (query, claimed) => query.andWhere(`a.record_id IS ${claimed ? 'NOT NULL' : 'NULL'}`),
  linked: (query, linked) =>
    query.andWhere(`${exists(linked)} (SELECT 1 FROM links WHERE links.attachment_id = a.id)`),
  record: (query, record) => query.andWhere(recordIds, { recordType: record.type, recordId: record.id }),
  contentType: (query, types) => {
    const alternatives = types.map((_, index) => `a.content_type LIKE :type${index} ESCAPE '\\'`);
    const patterns = types.map((type, index) => [`type${index}`, typePattern(type)]);
    query.andWhere(
      alternatives.length > 0 ? `(${alternatives.join(' OR ')})` : '1 = 0',
      Object.fromEntries(patterns),
    );
  },
  fileNameContains: (query, text) =>
    query.andWhere(`LOWER(a.file_name) LIKE :fileName ESCAPE '\\'`, {
      fileName: `%${escapeLike(lowerAscii(text))}%`,
    }),
  createdBy: (query, createdBy) => query.andWhere('a.created_by_id = :createdBy', { createdBy }),
  createdAfter: (query, after) => query.andWhere('a.created_at > :after', { after: after.getTime() }),
  createdBefore: (query, before) => query.andWhere('a.created_at < :before', { before: before.getTime() }),
  sha256: (query, sha256) =>
    query.andWhere(
      'a.blob_id IN (SELECT id FROM blobs WHERE blobs.organization_id = :organizationId AND blobs.sha256 = :sha256)',
      { sha256: sha256.toLowerCase() },
    ),
};

function typePattern(type: string): string {
  return type.endsWith('/*') ? `${escapeLike(type.slice(0, -1))}%` : escapeLike(type);
}

/** Narrows a query on `attachments a`, which has `:organizationId` set, to what the filter describes. */
export function applyFilter(query: Query, filter: AttachmentFilter): void {
  for (const [name, condition] of Object.entries(conditions)) {
    const value = filter[name as keyof AttachmentFilter];
    if (value !== undefined) (condition as Condition<unknown>)(query, value);
  }
}
