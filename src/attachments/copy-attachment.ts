import { v7 as uuidv7 } from 'uuid';
import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/clean-file-name.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { insertRow } from '../database/insert-row.js';
import { nameForms } from '../database/name-forms.js';
import { Faults } from '../errors.js';
import { findAttachment, mayCopy, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { checkExtension } from '../policies/check-policy.js';
import { findPolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import { readDescriptions } from './descriptions.js';
import { noteName } from './update-attachment.js';

export interface CopyAttachmentDependencies {
  database: Database;
  clock: () => Date;
  gracePeriodMs: number;
  policies: PolicyBook;
}

export interface CopyAttachment {
  attachmentId: string;
  fileName: string | null;
}

/**
 * A new, unclaimed attachment of the viewer's over the same blob. The blob stays until its last attachment is deleted,
 * whichever that is. Throws NOT_FOUND, NOT_APPROVED while only its creator may have the bytes, INVALID_FILE_NAME,
 * CONTENT_TYPE_MISMATCH.
 *
 * @example
 * const { attachment } = await copyAttachment(deps, viewer, { attachmentId, fileName: null });
 */
export async function copyAttachment(
  { database, clock, gracePeriodMs, policies }: CopyAttachmentDependencies,
  viewer: Viewer,
  { attachmentId, fileName }: CopyAttachment,
): Promise<StoredAttachment> {
  return database.write(async (manager) => {
    const source = await findAttachment(manager, viewer, attachmentId);
    if (!source) throw notFound(['input', 'attachmentId']);
    const faults = new Faults();
    const { attachment: original, blob } = source;
    if (!mayCopy(viewer, blob.verdict, original.createdById)) {
      const msg = 'It has not been approved yet.';
      faults.add('not_approved', ['input', 'attachmentId'], msg);
    }
    const name = fileName === null ? original.fileName : chooseFileName(faults, fileName, null);
    const named = { contentType: original.contentType, fileName: fileName === null ? '' : name };
    noteName(faults, checkExtension(findPolicy(policies, {}), named));
    faults.throwIfAny();
    const now = clock();
    const description = (await readDescriptions(manager, viewer, [attachmentId])).get(attachmentId);
    const attachment = Object.assign(new AttachmentRow(), original, description, {
      id: uuidv7(),
      fileName: name,
      ...nameForms(name),
      shared: false,
      recordType: null,
      recordId: null,
      createdById: viewer.principal.id,
      createdAt: now,
      updatedAt: now,
      claimedAt: null,
      expiresAt: new Date(now.getTime() + gracePeriodMs),
    });
    await insertRow(manager, AttachmentRow, attachment);
    await recordEvent(manager, viewer, {
      action: 'ATTACHMENT_CREATED',
      subjectId: attachment.id,
      at: now,
      details: { fileName: name, copyOf: attachmentId },
    });
    return { attachment, blob };
  });
}
