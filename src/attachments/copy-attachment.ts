import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/file-names.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { insertRow } from '../database/insert-row.js';
import { lockAttachments } from '../database/lock-order.js';
import { nameForms } from '../database/stored-names.js';
import { errorTable, Faults } from '../errors.js';
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
  checkInput(input);
  const quota = await deps.quotas.of(viewer.organizationId);
  return deps.database.write(async (manager) => {
    const id = newId();
    const asked = { copyAttachment: { attachmentId, fileName } };
    const creation = { input: asked, attachmentId: id, now: deps.clock() };
    const earlier =
      idempotencyKey === null ? null : await findCreation(manager, viewer, { idempotencyKey, ...creation });
    if (earlier) return { ...earlier, isReplay: true };
    // A verdict that comes meanwhile waits, and then finds the copy.
    await lockAttachments(manager, viewer, [attachmentId], 'SHARE');
    const [source] = await readWithVerdictsKept(manager, viewer, [attachmentId]);
    if (!source) throw notFound(['input', 'attachmentId']);
    const now = deps.clock();
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

/** Throws every fault of the input if its key is none. Without one, those of the name come with those of the source. */
function checkInput({ idempotencyKey, fileName }: CopyAttachment): void {
  const faults = new Faults();
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
  if (faults.details.length > 0 && fileName !== null) chooseFileName(faults, fileName, null);
  faults.throwIfAny();
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
