import { v7 as uuidv7 } from 'uuid';
import { eventRow } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import type { AuditEventRow } from '../database/entities/audit-event.js';
import { BlobRow } from '../database/entities/blob.js';
import { nameForms } from '../database/name-forms.js';
import type { Intake } from '../intake/intake.js';
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
  // With a field the link decides whether the record comes to own it.
  const owner = input.field === null ? record : null;
  return Object.assign(new AttachmentRow(), {
    id: uuidv7(),
    organizationId: viewer.organizationId,
    blobId: blob.id,
    shared: owner !== null,
    fileName: examined.fileName,
    ...nameForms(examined.fileName),
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
    expiresAt: owner ? null : new Date(now.getTime() + gracePeriodMs),
  });
}
