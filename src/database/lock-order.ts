import type { EntityManager, EntityTarget } from 'typeorm';
import { newId } from '../new-id.js';
import { AttachmentRow, TrashedAttachmentRow } from './entities/attachment.js';
import { BlobRow } from './entities/blob.js';
import { RecordFieldRow, type ShareLinkRow } from './entities/record-field.js';
import type { WebhookEndpointRow } from './entities/webhook.js';
import { insertRows } from './insert-row.js';
import { compareTexts } from './page.js';
import { changeRows, Parameters } from './read-rows.js';
import { hasRowLocks } from './row-locks.js';

/*
 * On PostgreSQL two transactions that lock the same rows in different orders block each other, until after a second the server gives
 * one of them up. So all lock in this order, and by id within a table:
 *
 * 1. upload targets
 * 2. fields of records
 * 3. attachments, then those in the trash
 * 4. blobs
 *
 * Whatever changes a row has locked it, and one that refers to another has locked that against deletion. A lock that turns out to be
 * needed later is not waited for.
 */

type Strength = 'UPDATE' | 'SHARE';

/** A viewer, or a row of the organization. */
interface Organization {
  organizationId: string;
}

/** Fields of a record, perhaps some that are not there yet. */
export interface FieldNames {
  record: { type: string; id: string };
  names: readonly string[];
}

/** Keeps these fields from others until the transaction ends. */
export async function lockFields(
  manager: EntityManager,
  viewer: Organization,
  fields: FieldNames,
): Promise<void> {
  await lockSelected(manager, RecordFieldRow, (sql) => named(sql, viewer, fields));
}

/**
 * As `lockFields`, for fields that are about to hold attachments which the transaction locks next: those that are not there yet are
 * made, at version 0. The first change of one counts it, or takes it away; `dropUnchanged` takes those without any.
 */
export async function lockFieldsToFill(
  manager: EntityManager,
  viewer: Organization,
  fields: FieldNames,
): Promise<void> {
  await makeFields(manager, viewer, fields);
  await lockFields(manager, viewer, fields);
}

/** By name: two who make the same ones wait for each other, and do not block each other. */
async function makeFields(
  manager: EntityManager,
  { organizationId }: Organization,
  { record, names }: FieldNames,
): Promise<void> {
  if (!hasRowLocks(manager)) return;
  const rows = names.toSorted(compareTexts).map((name) => {
    const place = { organizationId, recordType: record.type, recordId: record.id, name };
    return Object.assign(new RecordFieldRow(), { id: newId(), ...place, version: 0 });
  });
  await insertRows(manager, RecordFieldRow, rows, { orIgnore: true });
}

/** Takes fields of a record away that this transaction has made and not changed. */
export async function dropUnchanged(
  manager: EntityManager,
  { organizationId }: Organization,
  { type, id }: FieldNames['record'],
): Promise<void> {
  if (!hasRowLocks(manager)) return;
  await changeRows(
    manager,
    (sql) => `DELETE FROM record_fields WHERE organization_id = ${sql.add(organizationId)}
      AND record_type = ${sql.add(type)} AND record_id = ${sql.add(id)} AND version = 0`,
  );
}

/** Keeps attachments of an organization that are in use, and all fields that hold them, from others until the transaction ends. */
export async function lockWithFields(
  manager: EntityManager,
  viewer: Organization,
  attachmentIds: readonly string[],
): Promise<void> {
  await lockSelected(manager, RecordFieldRow, (sql) => holding(sql, viewer, attachmentIds));
  await lockAttachments(manager, viewer, attachmentIds);
}

/** Keeps an attachment, the fields that hold it, and those that it goes into, as `lockFieldsToFill` has it, from others until the transaction ends. */
export async function lockForMove(
  manager: EntityManager,
  viewer: Organization,
  attachmentId: string,
  to: FieldNames,
): Promise<void> {
  await makeFields(manager, viewer, to);
  await lockSelected(
    manager,
    RecordFieldRow,
    (sql) => `${holding(sql, viewer, [attachmentId])} UNION ${named(sql, viewer, to)}`,
  );
  await lockAttachments(manager, viewer, [attachmentId]);
}

function named(sql: Parameters, { organizationId }: Organization, { record, names }: FieldNames): string {
  return `SELECT id FROM record_fields WHERE organization_id = ${sql.add(organizationId)}
    AND record_type = ${sql.add(record.type)} AND record_id = ${sql.add(record.id)} AND ${sql.isOneOf('name', names)}`;
}

const own = (
  sql: Parameters,
  { organizationId }: Organization,
  ids: readonly string[],
  table: 'attachments' | 'trashed_attachments' = 'attachments',
): string =>
  `SELECT id FROM ${table} WHERE ${sql.isOneOf('id', ids)} AND organization_id = ${sql.add(organizationId)}`;

const holding = (sql: Parameters, viewer: Organization, attachmentIds: readonly string[]): string =>
  `SELECT field_id FROM links WHERE attachment_id IN (${own(sql, viewer, attachmentIds)})`;

/** Keeps attachments of an organization that are in use from others until the transaction ends; `SHARE` lets others keep them too. */
export async function lockAttachments(
  manager: EntityManager,
  viewer: Organization,
  ids: readonly string[],
  strength: Strength = 'UPDATE',
): Promise<void> {
  if (ids.length > 0) await lockSelected(manager, AttachmentRow, (sql) => own(sql, viewer, ids), strength);
}

/** Keeps one that is in the trash from others. */
export async function lockTrashed(manager: EntityManager, viewer: Organization, id: string): Promise<void> {
  await lockSelected(manager, TrashedAttachmentRow, (sql) => own(sql, viewer, [id], 'trashed_attachments'));
}

/**
 * Keeps a row of the organization from others: one of another organization, whose id may be named too, is not touched. Whoever locks
 * attachments has done so before.
 */
export async function lockOwn(
  manager: EntityManager,
  table: typeof ShareLinkRow | typeof WebhookEndpointRow,
  { organizationId }: Organization,
  id: string,
): Promise<void> {
  const { tablePath } = manager.connection.getMetadata(table);
  await lockSelected(
    manager,
    table,
    (sql) =>
      `SELECT id FROM ${tablePath} WHERE id = ${sql.add(id)} AND organization_id = ${sql.add(organizationId)}`,
  );
}

/** Keeps the verdicts on the bytes of attachments that are locked, or made by this transaction, as they are until it ends. */
export async function lockVerdicts(
  manager: EntityManager,
  viewer: Organization,
  attachmentIds: readonly string[],
): Promise<void> {
  const bytes = (sql: Parameters) =>
    `SELECT blob_id FROM attachments WHERE id IN (${own(sql, viewer, attachmentIds)})`;
  if (attachmentIds.length > 0) await lockSelected(manager, BlobRow, bytes, 'SHARE');
}

/**
 * Keeps all attachments in use that have these bytes, or would have them once they are approved, from others until the transaction
 * ends; with `areLeaving` the fields of the former, too.
 */
export async function lockOver(
  manager: EntityManager,
  blobIds: readonly string[],
  { areLeaving = false } = {},
): Promise<void> {
  if (blobIds.length === 0) return;
  const over = (sql: Parameters) => `SELECT id FROM attachments WHERE ${sql.isOneOf('blob_id', blobIds)}`;
  if (areLeaving)
    await lockSelected(
      manager,
      RecordFieldRow,
      (sql) => `SELECT field_id FROM links WHERE attachment_id IN (${over(sql)})`,
    );
  await lockSelected(
    manager,
    AttachmentRow,
    (sql) => `${over(sql)} UNION SELECT attachment_id FROM attachment_versions
      WHERE ${sql.isOneOf('blob_id', blobIds)} AND approved_at IS NULL`,
  );
}

/**
 * Locks fields of attachments that are locked: those that have come to hold them since `lockWithFields`, or `lockOver`, looked. To wait
 * for one would be against the order, so where another transaction has it this one runs again.
 */
export async function lockLateFields(manager: EntityManager, fieldIds: readonly string[]): Promise<void> {
  await lockNow(manager, 'record_fields', 'id', fieldIds);
}

/** Locks the upload targets that have brought these bytes, once attachments or the bytes are locked. As `lockLateFields`, it waits for none. */
export async function lockLateTargets(
  manager: EntityManager,
  documentKeys: readonly string[],
): Promise<void> {
  await lockNow(manager, 'upload_targets', 'document_key', documentKeys);
}

async function lockNow(
  manager: EntityManager,
  table: string,
  column: string,
  values: readonly string[],
): Promise<void> {
  if (values.length === 0 || !hasRowLocks(manager)) return;
  await manager.query(`SELECT id FROM ${table} WHERE ${column} = ANY($1) FOR UPDATE NOWAIT`, [[...values]]);
}

/** `ids` is a statement that selects them. */
async function lockSelected(
  manager: EntityManager,
  entity: EntityTarget<{ id: string }>,
  ids: (sql: Parameters) => string,
  strength: Strength = 'UPDATE',
): Promise<void> {
  if (!hasRowLocks(manager)) return;
  const { tablePath } = manager.connection.getMetadata(entity);
  const sql = new Parameters(manager);
  const selected = ids(sql);
  // As an array PostgreSQL looks them up by the key, and does not walk the table.
  await manager.query(
    `SELECT id FROM "${tablePath}" WHERE id = ANY(ARRAY(${selected})) ORDER BY id FOR ${strength}`,
    sql.values,
  );
}
