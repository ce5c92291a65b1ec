import type { EntityManager } from 'typeorm';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { ApiKeyRow, AuditEventRow } from '../database/entities/organization.js';
import { ShareLinkRow } from '../database/entities/record-field.js';
import { IdempotencyKeyRow, UploadTargetRow } from '../database/entities/upload-target.js';
import { Parameters } from '../database/read-rows.js';
import { In, IsNull, MoreThan, Not } from '../database/typeorm.js';
import { type AttachmentTable, tableName } from '../model/stored-attachment.js';

/** A user or service account of an organization. */
export interface Principal {
  organizationId: string;
  id: string;
}

const isUnowned = `a.record_id IS NULL AND NOT EXISTS (SELECT 1 FROM links WHERE links.attachment_id = a.id)`;

/** Ids of attachments that the principal has created and no record owns or holds; with `ids`, those among these. */
export async function findUnowned(
  manager: EntityManager,
  { organizationId, id }: Principal,
  { table, ids, limit = 1_000 }: { table: AttachmentTable; ids?: readonly string[]; limit?: number },
): Promise<string[]> {
  const sql = new Parameters(manager);
  const rows = await manager.query<{ id: string }[]>(
    `SELECT a.id AS id FROM ${tableName(table)} a WHERE a.organization_id = ${sql.add(organizationId)}
      AND a.created_by_id = ${sql.add(id)} AND ${isUnowned}
      ${ids ? `AND ${sql.isOneOf('a.id', ids)}` : ''} LIMIT ${limit}`,
    sql.values,
  );
  return rows.map((row) => row.id);
}

/** Rows that name the principal, or stand for something of it. */
export interface ErasureCounts {
  unownedAttachments: number;
  ownedAttachments: number;
  linkedAttachments: number;
  unownedInTrash: number;
  ownedInTrash: number;
  versions: number;
  uploads: number;
  shareLinks: number;
  apiKeys: number;
  idempotencyKeys: number;
  webhookEndpoints: number;
  webhookBodies: number;
  auditEvents: number;
}

/** A column of JSON in which members name principals. */
export interface NamingText {
  table: string;
  column: string;
  /** The members with this value, each form in which they can stand there. */
  members(value: string): string[];
}

const inEvent = (value: string) =>
  ['createdById', 'principalId'].flatMap((name) => [`"${name}":${value}`, `"${name}" : ${value}`]);

export const namingTexts = {
  details: { table: 'audit_events', column: 'details', members: (value) => [`"madeBy":${value}`] },
  bodies: {
    table: 'webhook_deliveries',
    column: 'body',
    members: (value) => ['createdBy', 'principal'].map((name) => `"${name}":{"id":${value}}`),
  },
  /** Composed by a trigger: PostgreSQL puts blanks around the colon. */
  waiting: { table: 'webhook_events', column: 'event', members: inEvent },
} satisfies Record<string, NamingText>;

/** An expression: the text with one id in place of another. */
export function renamed(sql: Parameters, { column, members }: NamingText, from: string, to: string): string {
  const [old, replacing] = [members(JSON.stringify(from)), members(JSON.stringify(to))];
  return old.reduce(
    (text, member, index) => `replace(${text}, ${sql.add(member)}, ${sql.add(replacing[index] ?? '')})`,
    column,
  );
}

/** Counts them. Those of the audit log by looking at the whole organization's. */
export async function countOf(
  manager: EntityManager,
  { organizationId, id }: Principal,
): Promise<ErasureCounts> {
  const sql = new Parameters(manager);
  const count = (table: string, column: string, more = '') => `(SELECT COUNT(*) FROM ${table} a
    WHERE a.organization_id = ${sql.add(organizationId)} AND a.${column} = ${sql.add(id)}${more && ` AND ${more}`})`;
  const naming = (text: NamingText) => `(SELECT COUNT(*) FROM ${text.table}
    WHERE organization_id = ${sql.add(organizationId)} AND ${text.column} <> ${renamed(sql, text, id, '')})`;
  const { details, bodies, waiting } = namingTexts;
  const counts: { [Name in keyof ErasureCounts]: string } = {
    unownedAttachments: count('attachments', 'created_by_id', isUnowned),
    ownedAttachments: count('attachments', 'created_by_id', 'a.record_id IS NOT NULL'),
    linkedAttachments: count('attachments', 'created_by_id', `a.record_id IS NULL AND NOT (${isUnowned})`),
    unownedInTrash: count('trashed_attachments', 'created_by_id', 'a.record_id IS NULL'),
    ownedInTrash: count('trashed_attachments', 'created_by_id', 'a.record_id IS NOT NULL'),
    versions: count('attachment_versions', 'created_by_id'),
    uploads: count('upload_targets', 'principal_id', 'a.expires_at IS NOT NULL'),
    shareLinks: count('share_links', 'created_by_id'),
    apiKeys: count('api_keys', 'principal_id'),
    idempotencyKeys: count('idempotency_keys', 'principal_id'),
    webhookEndpoints: count('webhook_endpoints', 'created_by_id'),
    webhookBodies: `${naming(bodies)} + ${naming(waiting)}`,
    auditEvents: `${count('audit_events', 'principal_id')} + ${naming(details)}`,
  };
  const columns = Object.entries(counts).map(([name, query]) => `${query} AS "${name}"`);
  const [row] = await manager.query<Record<keyof ErasureCounts, number | string>[]>(
    `SELECT ${columns.join(', ')}`,
    sql.values,
  );
  const names = Object.keys(counts) as (keyof ErasureCounts)[];
  return Object.fromEntries(
    names.map((name) => [name, Number(row?.[name] ?? 0)]),
  ) as unknown as ErasureCounts;
}

/** Whether any row names the principal, but for its own. */
export async function isAnythingLeft(manager: EntityManager, principal: Principal): Promise<boolean> {
  return Object.values(await countOf(manager, principal)).some((count) => count > 0);
}

/** Whether it has what an erasure ends or deletes, in place of giving it the pseudonym alone. */
export async function hasAnythingToEnd(manager: EntityManager, principal: Principal): Promise<boolean> {
  const { organizationId, id } = principal;
  for (const table of [AttachmentRow, TrashedAttachmentRow])
    if ((await findUnowned(manager, principal, { table, limit: 1 })).length > 0) return true;
  const own = { organizationId, principalId: id };
  return (
    (await manager.existsBy(UploadTargetRow, { ...own, expiresAt: Not(IsNull()) })) ||
    (await manager.existsBy(IdempotencyKeyRow, own)) ||
    (await manager.existsBy(ApiKeyRow, { ...own, revokedAt: IsNull() })) ||
    (await manager.existsBy(ShareLinkRow, { organizationId, createdById: id, revokedAt: IsNull() }))
  );
}

/** Deleted by an erasure. */
export interface Gone {
  attachments: {
    id: string;
    /** Bytes. */
    size: number;
    sha256: string;
  }[];
  uploads: number;
  idempotencyKeys: number;
}

/** In the details of each event that tells of a deletion. */
interface GoneDetails extends Partial<Record<Exclude<keyof Gone, 'attachments'>, number>> {
  /** The pseudonym. */
  erasure?: string;
  size?: number;
  sha256?: string;
}

const pageSize = 1_000;

/** All that an erasure has deleted, in one run or several, by the audit log. */
export async function listGone(
  manager: EntityManager,
  organizationId: string,
  pseudonym: string,
): Promise<Gone> {
  const gone: Gone = { attachments: [], uploads: 0, idempotencyKeys: 0 };
  for (let after = ''; ; ) {
    const page = await manager.find(AuditEventRow, {
      where: { organizationId, id: MoreThan(after), action: In(['ATTACHMENT_DELETED', 'UPLOADS_DELETED']) },
      order: { id: 'ASC' },
      take: pageSize,
    });
    for (const { subjectId: id, details } of page) {
      const { erasure, size, sha256, uploads = 0, idempotencyKeys = 0 } = (details ?? {}) as GoneDetails;
      if (erasure !== pseudonym) continue;
      if (size !== undefined && sha256 !== undefined) gone.attachments.push({ id, size, sha256 });
      gone.uploads += uploads;
      gone.idempotencyKeys += idempotencyKeys;
    }
    after = page.at(-1)?.id ?? after;
    if (page.length < pageSize) return gone;
  }
}
