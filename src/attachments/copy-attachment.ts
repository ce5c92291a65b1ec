import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/names.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow, type Verdict } from '../database/entities/blob.js';
import { insertRow } from '../database/insert-row.js';
import { Parameters } from '../database/read-rows.js';
import { hasRowLocks, lockRows } from '../database/row-locks.js';
import { nameForms } from '../database/stored-names.js';
import { errorTable, Faults, fault } from '../errors.js';
import {
  mayCopy,
  notFound,
  readWithVerdictsKept,
  type StoredAttachment,
} from '../model/stored-attachment.js';
import { newId } from '../new-id.js';
import { checkExtension } from '../policies/check-policy.js';
import { findPolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Quotas } from '../quotas/quotas.js';
import { readDescriptions } from './descriptions.js';
import { checkIdempotencyKey, findCreation } from './idempotency.js';
import { noteName } from './update-attachment.js';

export interface CopyAttachmentDependencies {
  database: Database;
  clock: () => Date;
  gracePeriodMs: number;
  policies: PolicyBook;
  quotas: Pick<Quotas, 'of'>;
}

export interface CopyAttachment {
  attachmentId: string;
  fileName: string | null;
  idempotencyKey: string | null;
}

/**
 * A new, unclaimed attachment of the viewer's over the same blob. The blob stays until its last attachment is deleted,
 * whichever that is. The same idempotency key gives the first copy again, which perhaps may not be viewed any more. Throws
 * NOT_FOUND, NOT_APPROVED while only its creator may have the bytes, DAMAGED, INVALID_FILE_NAME,
 * CONTENT_TYPE_MISMATCH, IDEMPOTENCY_CONFLICT, QUOTA_EXCEEDED.
 *
 * @example
 * const { attachment } = await copyAttachment(deps, viewer, { attachmentId, fileName: null, idempotencyKey: null });
 */
export async function copyAttachment(
  deps: CopyAttachmentDependencies,
  viewer: Viewer,
  input: CopyAttachment,
): Promise<StoredAttachment & { isReplay: boolean }> {
  const { idempotencyKey, attachmentId, fileName } = input;
  const keyFaults = new Faults();
  if (idempotencyKey !== null) checkIdempotencyKey(keyFaults, idempotencyKey);
  keyFaults.throwIfAny();
  const quota = await deps.quotas.of(viewer.organizationId);
  return deps.database.write(async (manager) => {
    const now = deps.clock();
    const id = newId();
    const asked = { copyAttachment: { attachmentId, fileName } };
    const creation = { input: asked, attachmentId: id, now };
    const earlier =
      idempotencyKey === null ? null : await findCreation(manager, viewer, { idempotencyKey, ...creation });
    if (earlier) return { ...earlier, isReplay: true };
    // A verdict that comes meanwhile waits, and then finds the copy.
    await lockRows(manager, AttachmentRow, [attachmentId], 'SHARE');
    const [source] = await readWithVerdictsKept(manager, viewer, [attachmentId]);
    if (!source) throw notFound(['input', 'attachmentId']);
    const { attachment: original, blob } = source;
    const name = checkCopy(deps, viewer, source, fileName);
    const description = (await readDescriptions(manager, viewer, [attachmentId])).get(attachmentId);
    const described = Object.assign(new AttachmentRow(), original, description, { fileName: name });
    const attachment = copyRow(deps, viewer, described, { id, now });
    await insertRow(manager, AttachmentRow, attachment);
    const details = { fileName: name, copyOf: attachmentId };
    await recordEvent(manager, viewer, { action: 'ATTACHMENT_CREATED', subjectId: id, at: now, details });
    await quota?.assertWithin(manager, { attachments: 1 }, ['input', 'attachmentId']);
    return { attachment, blob, isReplay: false };
  });
}

/** The name of the copy. Throws everything that is wrong with it, or with copying. */
function checkCopy(
  { policies }: Pick<CopyAttachmentDependencies, 'policies'>,
  viewer: Viewer,
  { attachment: original, blob }: StoredAttachment,
  fileName: string | null,
): string {
  const faults = new Faults();
  if (!mayCopy(viewer, blob.verdict, original.createdById)) {
    const msg = 'It has not been approved yet.';
    faults.add('not_approved', ['input', 'attachmentId'], msg);
  }
  if (blob.damagedAt !== null) faults.add('damaged', ['input', 'attachmentId'], errorTable.DAMAGED.message);
  const name = fileName === null ? original.fileName : chooseFileName(faults, fileName, null);
  const named = { contentType: original.contentType, fileName: fileName === null ? '' : name };
  noteName(faults, checkExtension(findPolicy(policies, {}), named));
  faults.throwIfAny();
  return name;
}

/** The row of a new attachment of the viewer's that is like another one, and belongs to nothing yet. */
function copyRow(
  { gracePeriodMs }: Pick<CopyAttachmentDependencies, 'gracePeriodMs'>,
  viewer: Viewer,
  original: AttachmentRow,
  { id, now }: { id: string; now: Date },
): AttachmentRow {
  return Object.assign(new AttachmentRow(), original, {
    id,
    ...nameForms(original.fileName),
    shared: false,
    recordType: null,
    recordId: null,
    createdById: viewer.principal.id,
    createdAt: now,
    updatedAt: now,
    claimedAt: null,
    version: 1,
    expiresAt: new Date(now.getTime() + gracePeriodMs),
  });
}

/** The facts by which an attachment of a field is copied: its words may be long, and are copied within the database. */
export interface CopySource {
  id: string;
  fileName: string;
  contentType: string;
  size: number;
}

interface SourceRow {
  id: string;
  blob_id: string;
  file_name: string;
  content_type: string;
  size: number | string;
  created_by_id: string;
  verdict: Verdict;
  damaged_at: number | string | null;
}

/**
 * All that a field holds, in order, kept as it is until the transaction ends, verdicts too. Rejected ones are left out: they are
 * leaving the field just now. Throws NOT_APPROVED, DAMAGED.
 */
export async function readCopySources(
  manager: EntityManager,
  viewer: Viewer,
  fieldId: string,
): Promise<CopySource[]> {
  const found = hasRowLocks(manager)
    ? await lockSources(manager, viewer, fieldId)
    : await readSourceRows(manager, viewer, fieldId);
  const sources = found.filter(({ verdict }) => verdict !== 'REJECTED');
  const waiting = sources.filter((row) => !mayCopy(viewer, row.verdict, row.created_by_id));
  const damaged = sources.filter((row) => row.damaged_at !== null);
  if (damaged.length > 0)
    throw fault('damaged', ['input', 'from'], `${damaged.length} of its attachments are damaged.`);
  if (waiting.length === 0) return sources.map(toSource);
  const msg = `${waiting.length} of its attachments have not been approved yet.`;
  throw fault('not_approved', ['input', 'from'], msg);
}

/** Those that come into the field meanwhile are not among them. */
async function lockSources(manager: EntityManager, viewer: Viewer, fieldId: string): Promise<SourceRow[]> {
  const ids = (await readSourceRows(manager, viewer, fieldId)).map(({ id }) => id);
  await lockRows(manager, AttachmentRow, ids, 'SHARE');
  const locked = new Set(ids);
  const read = async () =>
    (await readSourceRows(manager, viewer, fieldId)).filter(({ id }) => locked.has(id));
  const blobIds = (await read()).map((row) => row.blob_id);
  await lockRows(manager, BlobRow, blobIds, 'SHARE');
  return read();
}

const toSource = ({ id, file_name, content_type, size }: SourceRow): CopySource => ({
  id,
  fileName: file_name,
  contentType: content_type,
  size: Number(size),
});

async function readSourceRows(
  manager: EntityManager,
  { organizationId, principal }: Viewer,
  fieldId: string,
): Promise<SourceRow[]> {
  const sql = new Parameters(manager);
  const text = `SELECT a.id AS id, a.blob_id AS blob_id, a.file_name AS file_name, a.content_type AS content_type,
      a.size AS size, a.created_by_id AS created_by_id, b.verdict AS verdict,
      b.damaged_at AS damaged_at
    FROM links l JOIN attachments a ON a.id = l.attachment_id JOIN blobs b ON b.id = a.blob_id
    WHERE l.field_id = ${sql.add(fieldId)} AND a.organization_id = ${sql.add(organizationId)}
      AND (a.shared OR a.created_by_id = ${sql.add(principal.id)})
    ORDER BY l.position`;
  return manager.query<SourceRow[]>(text, sql.values);
}

/** Those of these ids that attachments have, and those in the trash. */
export async function findCopies(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<{ inUse: ReadonlySet<string>; trashed: ReadonlySet<string> }> {
  const idsIn = async (table: 'attachments' | 'trashed_attachments') => {
    const sql = new Parameters(manager);
    // With another condition SQLite would walk the whole organization by an index of its id.
    const text = `SELECT id, organization_id FROM ${table} WHERE ${sql.isOneOf('id', ids)}`;
    const rows = await manager.query<{ id: string; organization_id: string }[]>(text, sql.values);
    return new Set(rows.filter((row) => row.organization_id === organizationId).map(({ id }) => id));
  };
  return { inUse: await idsIn('attachments'), trashed: await idsIn('trashed_attachments') };
}

type Owned = Pick<AttachmentRow, 'id' | 'organizationId' | 'recordType' | 'recordId'>;

/** The records that own these attachments. */
export async function readOwners(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<Owned[]> {
  const sql = new Parameters(manager);
  const text = `SELECT id, organization_id AS "organizationId", record_type AS "recordType", record_id AS "recordId"
    FROM attachments WHERE ${sql.isOneOf('id', ids)}`;
  const rows = await manager.query<Owned[]>(text, sql.values);
  return rows.filter((row) => row.organizationId === organizationId);
}

/** Links of fields: how many each has, and how many attachments those are together. */
export async function countLinks(
  manager: EntityManager,
  fieldIds: readonly string[],
): Promise<{ ofField: ReadonlyMap<string, number>; distinct: number }> {
  const counting = new Parameters(manager);
  const rows = await manager.query<{ field_id: string; count: number | string }[]>(
    `SELECT field_id, COUNT(*) AS count FROM links WHERE ${counting.isOneOf('field_id', fieldIds)} GROUP BY field_id`,
    counting.values,
  );
  const sql = new Parameters(manager);
  const [all] = await manager.query<{ count: number | string }[]>(
    `SELECT COUNT(DISTINCT attachment_id) AS count FROM links WHERE ${sql.isOneOf('field_id', fieldIds)}`,
    sql.values,
  );
  return {
    ofField: new Map(rows.map(({ field_id, count }) => [field_id, Number(count)])),
    distinct: Number(all?.count ?? 0),
  };
}
