import type { EntityManager } from 'typeorm';
import { eventRow } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { writeBody } from '../database/blob-bodies.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import type { AuditEventRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { type FieldNames, lockFields } from '../database/lock-order.js';
import { lockRows } from '../database/row-locks.js';
import { nameForms } from '../database/stored-names.js';
import { fault } from '../errors.js';
import { assertFinished } from '../intake/from-target.js';
import { assertNotSwept, type Intake } from '../intake/intake.js';
import { newId } from '../new-id.js';
import type { Scanner } from '../scanner/scanner.js';
import type { CreationInput, Examined } from './check-creation.js';

export interface MakeRowsDependencies {
  gracePeriodMs: number;
  scanner: Pick<Scanner, 'isActive'>;
}

/** The rows that every creation inserts. */
export interface CreationRows {
  blob: BlobRow;
  attachment: AttachmentRow;
  event: AuditEventRow;
}

/** Makes the rows of an attachment of the viewer's, which nobody has inserted yet. */
export function makeRows(
  deps: MakeRowsDependencies,
  viewer: Viewer,
  { input, examined, intake }: { input: CreationInput; examined: Examined; intake: Intake },
  now: Date,
): CreationRows {
  const blob = toBlob(deps, viewer, intake, now);
  const attachment = toAttachment(deps, viewer, { input, examined, blob }, now);
  const { id: subjectId, fileName } = attachment;
  const details = input.record ? { fileName, record: input.record } : { fileName };
  const event = eventRow(viewer, { action: 'ATTACHMENT_CREATED', subjectId, at: now, details });
  return { blob, attachment, event };
}

/** The row of an intake's bytes. */
export function toBlob(
  { scanner }: Pick<MakeRowsDependencies, 'scanner'>,
  viewer: Viewer,
  intake: Intake,
  now: Date,
): BlobRow {
  return Object.assign(new BlobRow(), {
    id: intake.blobId,
    organizationId: viewer.organizationId,
    documentKey: intake.documentKey,
    size: intake.size,
    md5: intake.md5,
    sha256: intake.sha256,
    charset: intake.content.charset,
    verdict: scanner.isActive ? ('PENDING' as const) : ('APPROVED' as const),
    createdAt: now,
  });
}

function toAttachment(
  { gracePeriodMs }: MakeRowsDependencies,
  viewer: Viewer,
  { input, examined, blob }: { input: CreationInput; examined: Examined; blob: BlobRow },
  now: Date,
): AttachmentRow {
  const { record, metadata, description, descriptionFormat } = input;
  // No record owns what is in a SHARED field.
  const owner = examined.fieldPolicy?.sharing === 'SHARED' ? null : record;
  const { searchName, sortName } = nameForms(examined.fileName);
  return Object.assign(new AttachmentRow(), {
    id: newId(),
    organizationId: viewer.organizationId,
    blobId: blob.id,
    shared: record !== null,
    fileName: examined.fileName,
    searchName,
    sortName,
    contentType: examined.contentType,
    size: blob.size,
    description,
    descriptionFormat: description === null ? 'MARKDOWN' : descriptionFormat,
    descriptionHtml: examined.descriptionHtml,
    metadataType: metadata?.type ?? null,
    metadataAttributes: metadata?.attributes ?? null,
    recordType: owner?.type ?? null,
    recordId: owner?.id ?? null,
    createdById: viewer.principal.id,
    createdAt: now,
    updatedAt: now,
    claimedAt: owner ? now : null,
    expiresAt: record ? null : new Date(now.getTime() + gracePeriodMs),
  });
}

/** The past of an attachment that another system has had until now. */
export interface Origin {
  id: string;
  createdAt: Date;
  /** Puts its id where it belongs among all that its field holds. */
  order(ids: readonly string[]): string[];
}

/** An operator brings it, now; its creator made it, then. */
export function withOrigin(
  { blob, attachment, event }: CreationRows,
  { id, createdAt }: Origin,
  { field }: CreationInput,
): CreationRows {
  const claimedAt = attachment.claimedAt && createdAt;
  const details = { ...event.details, ...(field === null ? {} : { field }), imported: true };
  return {
    blob,
    attachment: Object.assign(attachment, { id, createdAt, updatedAt: createdAt, claimedAt }),
    event: { ...event, subjectId: id, principalId: null, details },
  };
}

/** Whether nobody else can have an attachment of the same bytes. */
export const isFirst = (intake: Intake): boolean => !intake.used && !intake.fromUploadTarget;

/**
 * Bytes that were used before have their blob, unless a deletion has taken both along meanwhile. `field` is about to hold them.
 */
export async function ensureBlob(
  manager: EntityManager,
  { intake, blob, field = null }: { intake: Intake; blob: BlobRow; field?: FieldNames | null },
): Promise<void> {
  if (intake.fromUploadTarget) await assertFinished(manager, blob, intake.documentKey);
  if (field && !isFirst(intake)) await lockFields(manager, blob, field);
  if (!intake.used || intake.fromUploadTarget) {
    await insertRow(manager, BlobRow, blob, { orIgnore: true });
    if (intake.body) await writeBody(manager, { blobId: blob.id, body: intake.body });
    else if (!intake.fromUploadTarget) await assertNotSwept(manager, intake.documentKey);
    return;
  }
  const { id, organizationId } = blob;
  await lockRows(manager, BlobRow, [id], 'SHARE');
  if (await manager.existsBy(BlobRow, { id, organizationId })) return;
  const msg = 'What was made of this content before has been deleted, and the content with it.';
  throw fault('deleted', ['input', 'content'], msg);
}
