import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import { charactersIn } from '../content-types/file-names.js';
import type { Database } from '../database/database.js';
import { BlobRow, ReleaseRow } from '../database/entities/blob.js';
import { lockOver } from '../database/lock-order.js';
import { lockRows } from '../database/row-locks.js';
import { checkCharacters, Faults } from '../errors.js';
import type { Jobs } from '../jobs/jobs.js';
import type { Change, Changes } from '../model/changes.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { readVersions } from '../model/versions.js';
import { type RecordVerdictDependencies, type VerdictWebhooks, writeVerdict } from './record-verdict.js';
import { queueScan } from './scan-blob.js';

export interface ReleaseAttachment {
  attachmentId: string;
  /** Kept with who has released it, and when. */
  reason: string;
}

export const maxReasonLength = 1_000;

/**
 * Overrides a rejection, or a scan that has failed: the bytes, and so all their copies, are approved for good. If the current
 * content is approved already, that of the newest one that was refused; without one it stays as it is. Throws NOT_FOUND, BAD_USER_INPUT.
 *
 * @example
 * await releaseAttachment(deps, viewer, { attachmentId, reason: 'A false alarm of the scanner.' });
 */
export async function releaseAttachment(
  deps: RecordVerdictDependencies,
  viewer: Viewer,
  { attachmentId, reason }: ReleaseAttachment,
): Promise<StoredAttachment> {
  checkReason(reason);
  const { stored, changed } = await deps.database.write(async (manager) => {
    const seen = await findAttachment(manager, viewer, attachmentId);
    if (!seen) throw notFound(['input', 'attachmentId']);
    const { id } = await chooseBlob(manager, viewer, seen);
    // With the blob locked: a scan that is asked for meanwhile would otherwise be for nothing, and the blob PENDING for good.
    await lockOver(manager, [id]);
    await lockRows(manager, BlobRow, [id], 'UPDATE');
    const found = await findAttachment(manager, viewer, attachmentId);
    const blob = await manager.findOneBy(BlobRow, { id, organizationId: viewer.organizationId });
    if (!found || !blob) throw notFound(['input', 'attachmentId']);
    if (blob.verdict === 'APPROVED') return { stored: found, changed: null };
    if (blob.verdict === 'PENDING') refusePending();
    const judged = await release(deps, manager, viewer, { blob, reason: reason.trim() });
    return { stored: (await findAttachment(manager, viewer, attachmentId)) ?? found, changed: judged };
  });
  if (changed) deps.changes.publish(changed);
  return stored;
}

/** The current content's; if that is approved, of the newest content that was refused, if any. */
async function chooseBlob(
  manager: EntityManager,
  viewer: Viewer,
  { attachment, blob }: StoredAttachment,
): Promise<BlobRow> {
  if (blob.verdict !== 'APPROVED') return blob;
  const versions = await readVersions(manager, viewer, [attachment.id]);
  const refused = versions.find(
    ({ blob: { verdict } }) => verdict === 'REJECTED' || verdict === 'SCAN_FAILED',
  );
  return refused?.blob ?? blob;
}

async function release(
  deps: RecordVerdictDependencies,
  manager: EntityManager,
  viewer: Viewer,
  { blob, reason }: { blob: BlobRow; reason: string },
) {
  const row = {
    blobId: blob.id,
    releasedById: viewer.principal.id,
    reason,
    releasedAt: deps.clock(),
  };
  await manager.upsert(ReleaseRow, row, ['blobId']);
  const approved = { blobId: blob.id, from: blob.verdict, to: { verdict: 'APPROVED' } } as const;
  return writeVerdict(deps, manager, { ...approved, release: { by: viewer, reason } });
}

function checkReason(reason: string): void {
  const faults = new Faults();
  const length = charactersIn(reason.trim());
  if (length === 0 || length > maxReasonLength) {
    const msg = `Must have from 1 to ${maxReasonLength} characters.`;
    faults.add('out_of_range', ['input', 'reason'], msg, { limit: maxReasonLength });
  }
  checkCharacters(faults, reason, ['input', 'reason']);
  faults.throwIfAny();
}

function refusePending(): void {
  const faults = new Faults();
  const msg = 'Its verdict is outstanding; there is no rejection to override.';
  faults.add('not_rejected', ['input', 'attachmentId'], msg);
  faults.throwIfAny();
}

export interface RescanAttachmentDependencies {
  database: Database;
  clock: () => Date;
  jobs: Pick<Jobs, 'enqueue'>;
  webhooks: VerdictWebhooks;
  changes: Changes;
  unlinkedRetentionMs: number;
  maxVersions: number;
}

/**
 * Has the attachment's bytes scanned again, those of its other contents too. One whose scan had failed is PENDING until then; any other keeps its verdict
 * unless the scanner comes to another one. What has been released stays so. Throws NOT_FOUND.
 *
 * @example
 * await rescanAttachment(deps, viewer, attachmentId);
 */
export async function rescanAttachment(
  deps: RescanAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<StoredAttachment> {
  const { stored, changed } = await deps.database.write(async (manager) => {
    const found = await findAttachment(manager, viewer, attachmentId);
    if (!found) throw notFound(['input', 'attachmentId']);
    const versions = await readVersions(manager, viewer, [attachmentId]);
    const blobs = new Map([found, ...versions].map(({ blob }) => [blob.id, blob.verdict]));
    const failed = [...blobs].filter(([, verdict]) => verdict === 'SCAN_FAILED').map(([blobId]) => blobId);
    await lockOver(manager, failed);
    const judged: Change[] = [];
    for (const blobId of failed) {
      const again = { blobId, from: 'SCAN_FAILED', to: { verdict: 'PENDING' } } as const;
      judged.push(...((await writeVerdict(deps, manager, again)) ?? []));
    }
    for (const blobId of blobs.keys()) await queueScan(deps.jobs, manager, blobId);
    const rescan = { action: 'ATTACHMENT_RESCANNED', subjectId: attachmentId } as const;
    await recordEvent(manager, viewer, { ...rescan, at: deps.clock() });
    return { stored: (await findAttachment(manager, viewer, attachmentId)) ?? found, changed: judged };
  });
  deps.changes.publish(changed);
  return stored;
}
