import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { AttachmentRow, AttachmentVersionRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { lockAttachments, lockLateTargets } from '../database/lock-order.js';
import { lockRows } from '../database/row-locks.js';
import type { EntityManager } from '../database/typeorm.js';
import { type AttachmentError, fault } from '../errors.js';
import { measureUpload } from '../intake/hash-content.js';
import { assertStillStored, type Intake, keepIfUnknown } from '../intake/intake.js';
import type { Change } from '../model/changes.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import {
  addVersion,
  countVersion,
  readVersions,
  type StoredVersion,
  trimVersions,
  withContent,
} from '../model/versions.js';
import { newId } from '../new-id.js';
import type { Quota } from '../quotas/quotas.js';
import { announceVerdict } from '../verdicts/record-verdict.js';
import { queueScan } from '../verdicts/scan-blob.js';
import {
  type ContentInput,
  type ContentRequest,
  type CreateAttachmentDependencies,
  doorOf,
  receiveContent,
} from './create-attachment.js';
import { ensureBlob, toBlob } from './creation-rows.js';
import { beginSteps, endSteps } from './idempotency.js';
import { assertMayShow } from './insert-attachment.js';
import {
  checkReplacement,
  policiesOrDefault,
  recheckPlaces,
  refuseWithAll,
  type Statements,
} from './update-attachment.js';

export interface ReplaceContentDependencies extends CreateAttachmentDependencies {
  maxVersions: number;
}

export interface ReplaceContent extends Statements {
  content: ContentInput;
}

export interface ReplacedContent {
  stored: StoredAttachment;
  version: StoredVersion;
}

/**
 * Brings new content for an attachment, which keeps its id, url, name, links and share links. It is current at once or once it is
 * approved; until then, and if it is rejected, the content before it stays. The policies of all places that hold the attachment
 * are held against it. Throws NOT_FOUND, VERSION_CONFLICT, IDEMPOTENCY_CONFLICT, and what `createAttachment` throws of content.
 *
 * @example
 * await replaceContent(deps, { viewer, access, taken }, { attachmentId, content: { base64 }, ...rest });
 */
export async function replaceContent(
  deps: ReplaceContentDependencies,
  request: ContentRequest,
  { content, ...input }: ReplaceContent,
): Promise<ReplacedContent> {
  const { read } = deps.database;
  const seen = await findAttachment(read, request.viewer, input.attachmentId);
  if (!seen) throw notFound(['input', 'attachmentId']);
  const policies = await policiesOrDefault(read, deps.policies, seen.attachment);
  return measureUpload(deps.uploadMeter, doorOf(content), async () => {
    const maxSize = Math.min(...policies.map(({ maxFileSize }) => maxFileSize));
    const intake = await receiveContent(deps, request, content, () => ({
      maxSize,
      takesDataUrl: false,
    })).catch((error: unknown) => refuseWithAll(input, error));
    const checked = checkReplacement(policies, seen.attachment, input, intake);
    await assertStillStored(deps.storage, intake, deps.clock());
    return insert(deps, request.viewer, { input, checked, intake });
  });
}

interface Content {
  input: Statements;
  checked: Pick<AttachmentVersionRow, 'fileName' | 'contentType'>;
  intake: Intake;
}

async function insert(
  deps: ReplaceContentDependencies,
  viewer: Viewer,
  content: Content,
): Promise<ReplacedContent> {
  const { intake } = content;
  const id = newId();
  const quota = await deps.quotas.of(viewer.organizationId);
  const replacing = deps.database.write((manager) =>
    replaceOnce(deps, manager, viewer, { ...content, id, quota }),
  );
  const { changed, isNew, ...replaced } = await keepIfUnknown(intake, replacing);
  if (isNew) {
    intake.used = true;
    intake.reservation?.settle();
  }
  deps.changes.publish(changed);
  return replaced;
}

interface Replacement extends Content {
  /** The id of the new content. */
  id: string;
  quota: Quota | null;
}

type Written = ReplacedContent & { changed: Change[]; isNew: boolean };

/** Brings nothing again that the same idempotency key has brought before. */
async function replaceOnce(
  deps: ReplaceContentDependencies,
  manager: EntityManager,
  viewer: Viewer,
  replacement: Replacement,
): Promise<Written> {
  const { id, input, checked, intake } = replacement;
  // As the client has put it: what is found for it depends on a name that may have changed since.
  const { idempotencyKey, ...rest } = input;
  const asked = { idempotencyKey, input: { replaceContent: rest, sha256: intake.sha256 } };
  const first = await beginSteps(manager, viewer, asked, { id, at: deps.clock() });
  await lockAttachments(manager, viewer, [input.attachmentId]);
  const stored = await findAttachment(manager, viewer, input.attachmentId);
  if (!stored) throw notFound(['input', 'attachmentId']);
  if (first.id !== id) {
    const replay = await readBack(manager, viewer, stored, first.id);
    return { ...replay, changed: [], isNew: false };
  }
  assertVersion(stored.attachment, input.expectedVersion);
  // It may have been renamed while the bytes were taken in.
  const { fileName } = input.fileName === null ? stored.attachment : checked;
  await replace(deps, manager, viewer, { ...replacement, checked: { ...checked, fileName }, stored });
  await endSteps(manager, viewer, asked);
  const replaced = await readBack(manager, viewer, stored, id);
  const changed = await deps.changes.describe(manager, [replaced.stored.attachment]);
  return { ...replaced, changed, isNew: true };
}

function assertVersion({ version }: AttachmentRow, expected: number | null): void {
  if (expected === null || expected === version) return;
  const msg = `The attachment is at version ${version}, not ${expected}.`;
  throw fault('version_conflict', ['input', 'expectedVersion'], msg, { message: msg });
}

async function replace(
  deps: ReplaceContentDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { id, checked, intake, quota, stored }: Replacement & { stored: StoredAttachment },
): Promise<void> {
  const { attachment } = stored;
  await recheckPlaces(deps.policies, manager, attachment, { ...checked, size: intake.size });
  await intake.reservation?.consume(manager);
  if (intake.fromUploadTarget) await lockLateTargets(manager, [intake.documentKey]);
  const blob = await keepBlob(deps, manager, viewer, intake);
  const now = deps.clock();
  const { fileName, contentType } = checked;
  const version = await addVersion(manager, stored, {
    ...{ id, blobId: blob.id, fileName, contentType, size: blob.size },
    ...{ createdById: viewer.principal.id, createdAt: now },
  });
  const isApproved = blob.verdict === 'APPROVED';
  if (isApproved) await countVersion(manager, stored, version, now);
  const { number } = version;
  const details = { version: number, fileName, sha256: blob.sha256 };
  const event = { action: 'ATTACHMENT_REPLACED', subjectId: attachment.id, at: now, details } as const;
  await recordEvent(manager, viewer, event);
  if (blob.verdict === 'PENDING') await queueScan(deps.jobs, manager, blob.id);
  else
    await announceVerdict(
      deps.webhooks,
      manager,
      { attachment: withContent(attachment, version), blob },
      now,
    );
  const current = { ...attachment, version: isApproved ? number : attachment.version };
  await trimVersions(manager, current, deps.maxVersions, now);
  await quota?.assertWithin(manager, { bytes: intake.used ? 0 : blob.size }, ['input', 'content']);
}

/** The blob of the new content, with its verdict kept as it is until the transaction ends. */
async function keepBlob(
  deps: ReplaceContentDependencies,
  manager: EntityManager,
  viewer: Viewer,
  intake: Intake,
): Promise<BlobRow> {
  const { organizationId } = viewer;
  const made = toBlob(deps, viewer, intake, deps.clock());
  await ensureBlob(manager, { intake, blob: made });
  await lockRows(manager, BlobRow, [made.id], 'SHARE');
  const blob = await manager.findOneByOrFail(BlobRow, { id: made.id, organizationId });
  if (intake.broughtById !== undefined) await assertMayShow(manager, viewer, { blob }, intake.broughtById);
  return blob;
}

async function readBack(
  manager: EntityManager,
  viewer: Viewer,
  before: StoredAttachment,
  id: string,
): Promise<ReplacedContent> {
  const { id: attachmentId } = before.attachment;
  const stored = await findAttachment(manager, viewer, attachmentId);
  const versions = await readVersions(manager, viewer, [attachmentId]);
  const version = versions.find(({ version: row }) => row.id === id);
  if (!stored || !version) throw versionGone();
  return { stored, version };
}

function versionGone(): AttachmentError {
  const msg = 'The content that this key has brought was replaced since, and is not kept.';
  return fault('version_gone', ['input', 'idempotencyKey'], msg, { message: msg });
}
