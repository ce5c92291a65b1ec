import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { Faults } from '../faults.js';
import { changeLinks } from './change-links.js';
import { checkMetadata, type Metadata } from './check-metadata.js';
import { chooseFileName } from './choose-file-name.js';
import { detectContentType } from './detect-content-type.js';
import type { Intake } from './intake.js';
import { checkName, checkRecord, type RecordRef } from './record.js';
import type { StoredAttachment } from './stored-attachment.js';

export interface CreateAttachmentDependencies {
  database: Database;
  clock: () => Date;
  gracePeriodMs: number;
  unlinkedRetentionMs: number;
}

export interface CreateAttachment {
  /** The bytes, already durable; they become the attachment's own with its row. */
  intake: Intake;
  fileName: string | null;
  description: string | null;
  metadata: Metadata | null;
  /** Claims it for this record at once. */
  record: RecordRef | null;
  /** With `record`: appends it to this field at once. */
  field: string | null;
}

/**
 * Makes bytes that have been taken in an attachment of the viewer's. Using one intake twice gives two attachments over one
 * blob. Throws INVALID_FILE_NAME, BAD_USER_INPUT, TOO_MANY_ATTACHMENTS.
 */
export async function createAttachment(
  deps: CreateAttachmentDependencies,
  viewer: Viewer,
  input: CreateAttachment,
): Promise<StoredAttachment> {
  const fileName = checkInput(input);
  const contentType = await detectContentType(input.intake.head, fileName);
  const now = deps.clock();
  const blob = toBlob(viewer, input.intake, now);
  const attachment = toAttachment(deps, viewer, { ...input, fileName, contentType, blob }, now);
  await deps.database.write(async (manager) => {
    await insert(manager, blob, attachment);
    if (input.record && input.field !== null) {
      await changeLinks(manager, viewer, {
        record: input.record,
        field: input.field,
        attachmentIds: [attachment.id],
        mode: 'ADD',
        expectedVersion: null,
        retentionMs: deps.unlinkedRetentionMs,
        now,
        locOf: () => ['input', 'field'],
      });
    }
  });
  input.intake.used = true;
  return { attachment, blob };
}

/** Returns the name that the attachment will have, or throws every fault of the input. */
function checkInput({ intake, fileName, description, metadata, record, field }: CreateAttachment): string {
  const faults = new Faults();
  const name = chooseFileName(faults, fileName, intake.fileName);
  checkMetadata(faults, description, metadata);
  if (record) checkRecord(faults, record, ['input', 'record']);
  if (field !== null) {
    checkName(faults, field, ['input', 'field']);
    if (!record)
      faults.add('BAD_USER_INPUT', ['input', 'field'], 'missing_record', 'A field needs a record.');
  }
  faults.throwIfAny();
  return name;
}

function toBlob(viewer: Viewer, intake: Intake, now: Date): BlobRow {
  return Object.assign(new BlobRow(), {
    id: intake.blobId,
    organizationId: viewer.organizationId,
    documentKey: intake.documentKey,
    size: intake.size,
    md5: intake.md5,
    sha256: intake.sha256,
    verdict: 'APPROVED' as const,
    createdAt: now,
  });
}

function toAttachment(
  { gracePeriodMs }: CreateAttachmentDependencies,
  viewer: Viewer,
  input: CreateAttachment & { fileName: string; contentType: string; blob: BlobRow },
  now: Date,
): AttachmentRow {
  const { record, metadata, blob } = input;
  return Object.assign(new AttachmentRow(), {
    id: uuidv7(),
    organizationId: viewer.organizationId,
    blobId: blob.id,
    shared: record !== null,
    fileName: input.fileName,
    contentType: input.contentType,
    size: blob.size,
    description: input.description,
    metadataType: metadata?.type ?? null,
    metadataAttributes: metadata?.attributes ?? null,
    recordType: record?.type ?? null,
    recordId: record?.id ?? null,
    createdById: viewer.principal.id,
    createdAt: now,
    updatedAt: now,
    claimedAt: record ? now : null,
    expiresAt: record ? null : new Date(now.getTime() + gracePeriodMs),
  });
}

async function insert(manager: EntityManager, blob: BlobRow, attachment: AttachmentRow): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(BlobRow)
    .values(blob)
    .orIgnore()
    .updateEntity(false)
    .execute();
  await manager
    .createQueryBuilder()
    .insert()
    .into(AttachmentRow)
    .values(attachment)
    .updateEntity(false)
    .execute();
}
