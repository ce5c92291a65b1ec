import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { AuditEventRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import type { FieldNames } from '../database/lock-order.js';
import { type EntityManager, Not } from '../database/typeorm.js';
import { fault } from '../errors.js';
import { assertStillStored, type Intake, keepIfUnknown } from '../intake/intake.js';
import type { JobAsRow, Jobs } from '../jobs/jobs.js';
import { changeLinks } from '../links/change-links.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import type { Changes } from '../model/changes.js';
import {
  assertWhole,
  mayCopy,
  readWithVerdictsKept,
  type StoredAttachment,
} from '../model/stored-attachment.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Quotas } from '../quotas/quotas.js';
import type { Storage } from '../storage/storage.js';
import { announceVerdict, type VerdictWebhooks } from '../verdicts/record-verdict.js';
import { queueScan, scanOf } from '../verdicts/scan-blob.js';
import { type CreationInput, checkCreation, type Examined } from './check-creation.js';
import {
  type CreationRows,
  ensureBlob,
  isFirst,
  type MakeRowsDependencies,
  makeRows,
  type Origin,
  withOrigin,
} from './creation-rows.js';
import { findCreation } from './idempotency.js';

export interface InsertAttachmentDependencies extends MakeRowsDependencies {
  database: Database;
  storage: Pick<Storage, 'size'>;
  clock: () => Date;
  policies: PolicyBook;
  renderer: Pick<MarkdownRenderer, 'render'>;
  unlinkedRetentionMs: number;
  jobs: Pick<Jobs, 'enqueue' | 'asRow'>;
  webhooks: VerdictWebhooks;
  changes: Changes;
  quotas: Pick<Quotas, 'of'>;
}

export interface ContentToInsert {
  /** The bytes, already durable or yet to be written; they become the attachment's own with its row. */
  intake: Intake;
  origin?: Origin;
}

/**
 * Makes bytes that have been taken in an attachment of the viewer's. Using one intake twice gives two attachments over one
 * blob. Throws, with every fault of the input at once, INVALID_FILE_NAME, BAD_USER_INPUT, DIGEST_MISMATCH,
 * CONTENT_TYPE_MISMATCH, CONTENT_TYPE_NOT_ALLOWED, FILE_TOO_LARGE; and TOO_MANY_ATTACHMENTS, IDEMPOTENCY_CONFLICT, QUOTA_EXCEEDED; of bytes
 * that others may have used or deleted already, NOT_APPROVED and NOT_FOUND. A replay is what an earlier call with the same
 * idempotency key has made: perhaps it may not be viewed any more.
 */
export async function insertAttachment(
  deps: InsertAttachmentDependencies,
  viewer: Viewer,
  input: CreationInput,
  { intake, origin }: ContentToInsert,
): Promise<StoredAttachment & { isReplay: boolean }> {
  const examined = await checkCreation(deps, viewer, input, intake);
  const now = deps.clock();
  await assertStillStored(deps.storage, intake, now);
  const made = makeRows(deps, viewer, { input, examined, intake }, now);
  const rows = origin ? withOrigin(made, origin, input) : made;
  const { blob, attachment } = rows;
  const quota = await deps.quotas.of(viewer.organizationId);
  const work = async (manager: EntityManager) => {
    const earlier = await recall(manager, viewer, input, intake, attachment);
    if (earlier) return { stored: earlier, isNew: false };
    await intake.reservation?.consume(manager);
    await ensureBlob(manager, { intake, blob, field: fieldOf(input) });
    await insertLinked(deps, manager, viewer, { input, examined, rows, origin, isFirst: isFirst(intake) });
    const made = await readBack(manager, viewer, { intake, attachment, blob });
    await awaitVerdict(deps, manager, viewer, { input, made, now });
    await quota?.assertWithin(manager, { bytes: intake.used ? 0 : blob.size, attachments: 1 }, [
      'input',
      'content',
    ]);
    return { stored: made, isNew: true };
  };
  const scan = blob.verdict === 'PENDING' ? deps.jobs.asRow(scanOf(blob.id)) : undefined;
  const writing =
    quota === null && isPlain(input, intake) && scan !== null
      ? create(deps.database, intake, rows, scan)
      : deps.database.write(work);
  const { stored, isNew } = await keepIfUnknown(intake, writing);
  if (!isNew) return { ...stored, isReplay: true };
  intake.used = true;
  intake.reservation?.settle();
  const { id: attachmentId, organizationId } = stored.attachment;
  // Nobody can wait for one that is new and no record's.
  if (input.record) deps.changes.publish([{ organizationId, attachmentId, records: [input.record] }]);
  return { ...stored, isReplay: false };
}

/** Whether nothing happens but that its rows come to be there: no other row is read or changed. */
function isPlain(input: CreationInput, intake: Intake): boolean {
  const { idempotencyKey, webhooks } = input;
  return isFirst(intake) && idempotencyKey === null && !fieldOf(input) && webhooks.length === 0;
}

const fieldOf = ({ record, field }: CreationInput): FieldNames | null =>
  record && field !== null ? { record, names: [field] } : null;

/** Makes a plain creation, together with others, and has its bytes scanned where they have to be. */
async function create(
  database: Pick<Database, 'create'>,
  intake: Intake,
  rows: CreationRows,
  scan: JobAsRow | undefined,
) {
  const { blob, attachment, event } = rows;
  await database.create(
    {
      rows: [
        { entity: BlobRow, row: blob },
        { entity: AttachmentRow, row: attachment },
        { entity: AuditEventRow, row: event },
        ...(scan ? [scan] : []),
      ],
      body: intake.body ? { blobId: blob.id, body: intake.body } : null,
    },
    async (manager) => {
      await ensureBlob(manager, { intake, blob });
      await insertRow(manager, AttachmentRow, attachment);
      await insertRow(manager, AuditEventRow, event);
      if (scan) await insertRow(manager, scan.entity, scan.row);
    },
  );
  scan?.begin();
  return { stored: { attachment, blob }, isNew: true };
}

/**
 * Several attachments can be made of the same bytes: then the rows are what counts, with the verdict kept as it is, so that
 * whoever gives another finds this attachment.
 */
async function readBack(
  manager: EntityManager,
  viewer: Viewer,
  { intake, attachment, blob }: StoredAttachment & { intake: Intake },
): Promise<StoredAttachment> {
  if (isFirst(intake)) return { attachment, blob };
  const [found] = await readWithVerdictsKept(manager, viewer, [attachment.id]);
  const made = found ?? { attachment, blob };
  made.attachment.descriptionHtml = attachment.descriptionHtml ?? null;
  if (intake.broughtById !== undefined) await assertMayShow(manager, viewer, made, intake.broughtById);
  return made;
}

/** Throws DAMAGED, and NOT_APPROVED where bytes without a verdict are already somebody else's. */
export async function assertMayShow(
  manager: EntityManager,
  viewer: Viewer,
  { blob }: Pick<StoredAttachment, 'blob'>,
  broughtById: string,
): Promise<void> {
  assertWhole(blob, ['input', 'content', 'documentKey']);
  if (mayCopy(viewer, blob.verdict, broughtById)) return;
  const others = { blobId: blob.id, createdById: Not(viewer.principal.id) };
  if (!(await manager.existsBy(AttachmentRow, { organizationId: viewer.organizationId, ...others }))) return;
  const loc = ['input', 'content', 'documentKey'];
  throw fault('not_approved', loc, 'Its content has not been approved yet.');
}

/** Has bytes without a verdict scanned. Where there is one already, those who have just subscribed learn of it now. */
async function awaitVerdict(
  { jobs, webhooks }: InsertAttachmentDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { input, made, now }: { input: CreationInput; made: StoredAttachment; now: Date },
): Promise<void> {
  const { attachment, blob } = made;
  if (input.webhooks.length > 0) {
    await webhooks.subscribe(manager, viewer, attachment.id, input.webhooks, now);
  }
  if (blob.verdict === 'PENDING') await queueScan(jobs, manager, blob.id);
  else if (input.webhooks.length > 0) await announceVerdict(webhooks, manager, made, now);
}

/** The attachment that the same idempotency key has made before. */
async function recall(
  manager: EntityManager,
  viewer: Viewer,
  input: CreationInput,
  intake: Intake,
  { id, createdAt }: AttachmentRow,
): Promise<StoredAttachment | null> {
  const { idempotencyKey, ...rest } = input;
  if (idempotencyKey === null) return null;
  const described = { ...rest, sha256: intake.sha256, partName: intake.fileName };
  return findCreation(manager, viewer, {
    idempotencyKey,
    input: described,
    attachmentId: id,
    now: createdAt,
  });
}

interface ToInsert {
  input: CreationInput;
  examined: Examined;
  rows: CreationRows;
  origin: Origin | undefined;
  isFirst: boolean;
}

/** Inserts the attachment, and appends it to the input's field, if any. In an EXCLUSIVE field it is claimed thereby. */
async function insertLinked(
  { unlinkedRetentionMs }: InsertAttachmentDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { input: { record, field }, examined, rows: { attachment, event }, origin, isFirst }: ToInsert,
): Promise<void> {
  let isInserted = false;
  const insert = async () => {
    isInserted = true;
    await insertRow(manager, AttachmentRow, attachment);
    await insertRow(manager, AuditEventRow, event);
  };
  // Bytes that others may have used can have been rejected: their attachment is held against that, as any that is linked.
  if (!isFirst || !record || field === null) await insert();
  if (!record || field === null) return;
  await changeLinks(manager, viewer, {
    record,
    field,
    attachmentIds: [attachment.id],
    mode: 'ADD',
    expectedVersion: null,
    policy: examined.fieldPolicy,
    retentionMs: unlinkedRetentionMs,
    clock: () => attachment.createdAt,
    locOf: () => ['input', 'field'],
    ...(isFirst ? { made: { ids: new Set([attachment.id]), make: insert } } : {}),
    ...(origin ? { arrange: origin.order, isUnrecorded: true } : {}),
  });
  // A field that holds it already has it of another import: this fails then, as any second row of an id.
  if (!isInserted) await insert();
}
