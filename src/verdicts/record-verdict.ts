import type { EntityManager } from 'typeorm';
import { type AuditEvent, recordEvents } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { BlobRow, type Verdict } from '../database/entities/blob.js';
import { RejectionRow } from '../database/entities/verdict.js';
import { dropFromFields } from '../links/unlink-everywhere.js';
import { type Change, type Changes, describeChanges } from '../model/changes.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { judgeVersions } from './judge-versions.js';
import type { Rejection, VerdictWebhooks } from './verdict-webhooks.js';

export interface RecordVerdictDependencies {
  database: Database;
  clock: () => Date;
  webhooks: VerdictWebhooks;
  changes: Changes;
  unlinkedRetentionMs: number;
  /** Contents kept of an attachment. */
  maxVersions: number;
}

export type Judgement =
  | { verdict: 'APPROVED' | 'PENDING' | 'SCAN_FAILED' }
  | { verdict: 'REJECTED'; rejection: Rejection };

export interface VerdictChange {
  blobId: string;
  /** Nothing happens unless the blob has this verdict still. */
  from: Verdict;
  to: Judgement;
  /** Whoever overrides the scanner, and why. */
  release?: { by: Viewer; reason: string };
}

/**
 * Gives a blob its verdict, and with it all attachments over it: rejected ones leave their fields, replaced ones have their new
 * content, and whoever has subscribed is told, all in one transaction. Returns whether it was this call that changed it.
 */
export async function recordVerdict(
  deps: RecordVerdictDependencies,
  change: VerdictChange,
): Promise<boolean> {
  const judged = await deps.database.write((manager) => writeVerdict(deps, manager, change));
  if (judged === null) return false;
  deps.changes.publish(judged);
  return true;
}

/** The same inside the caller's transaction. Returns what is to be published after it; null where nothing changed. */
export async function writeVerdict(
  {
    clock,
    webhooks,
    unlinkedRetentionMs,
    maxVersions,
  }: Omit<RecordVerdictDependencies, 'database' | 'changes'>,
  manager: EntityManager,
  change: VerdictChange,
): Promise<Change[] | null> {
  const { blobId, from, to } = change;
  if (to.verdict === from) return null;
  const { affected } = await manager.update(BlobRow, { id: blobId, verdict: from }, { verdict: to.verdict });
  if (affected !== 1) return null;
  const now = clock();
  const rejection = to.verdict === 'REJECTED' ? to.rejection : null;
  if (rejection) {
    await manager.upsert(RejectionRow, { blobId, ...rejection, rejectedAt: now }, ['blobId']);
  }
  await manager.update(AttachmentRow, { blobId }, { updatedAt: now });
  const blob = await manager.findOneByOrFail(BlobRow, { id: blobId });
  const others = await judgeVersions(manager, blob, { now, maxVersions });
  const ofBlob = { where: { blobId }, order: { id: 'ASC' } } as const;
  const attachments = [
    ...(await manager.find(AttachmentRow, ofBlob)),
    ...(await manager.find(TrashedAttachmentRow, ofBlob)),
  ];
  // Before rejected ones leave their fields, so that those records are told too.
  const changes = await describeChanges(manager, [...attachments, ...others]);
  await recordVerdictEvents(manager, [...attachments, ...others], change, now);
  for (const attachment of rejection ? attachments : [])
    await dropFromFields(manager, attachment, { now, retentionMs: unlinkedRetentionMs });
  for (const attachment of isFinal(to) ? [...attachments, ...others] : [])
    await webhooks.announce(manager, { attachment, blob, rejection }, now);
  return changes;
}

/** One event for each attachment over the bytes: copies share the verdict. */
async function recordVerdictEvents(
  manager: EntityManager,
  attachments: readonly AttachmentRow[],
  { to, release }: VerdictChange,
  at: Date,
): Promise<void> {
  const told = release
    ? { action: 'ATTACHMENT_RELEASED' as const, details: { reason: release.reason } }
    : verdictEvent(to);
  if (!told) return;
  const principal = release?.by.principal ?? null;
  const toEvent = ({ id: subjectId, organizationId, version }: AttachmentRow) =>
    [
      { organizationId, principal },
      { ...told, ...(version > 1 ? { details: { ...told.details, version } } : {}), subjectId, at },
    ] as const;
  await recordEvents(manager, attachments.map(toEvent));
}

function verdictEvent(to: Judgement): Pick<AuditEvent, 'action' | 'details'> | null {
  if (to.verdict === 'APPROVED') return { action: 'ATTACHMENT_APPROVED', details: null };
  if (to.verdict !== 'REJECTED') return null;
  const { reason, message, signature } = to.rejection;
  return { action: 'ATTACHMENT_REJECTED', details: { reason, message, signature } };
}

function isFinal({ verdict }: Judgement): boolean {
  return verdict === 'APPROVED' || verdict === 'REJECTED';
}

/** Tells of an attachment's verdict that was there before it was; of none where there is none yet. */
export async function announceVerdict(
  webhooks: VerdictWebhooks,
  manager: EntityManager,
  stored: StoredAttachment,
  now: Date,
): Promise<void> {
  const { id: blobId, verdict } = stored.blob;
  if (verdict !== 'APPROVED' && verdict !== 'REJECTED') return;
  const rejection = verdict === 'REJECTED' ? await manager.findOneBy(RejectionRow, { blobId }) : null;
  await webhooks.announce(manager, { ...stored, rejection }, now);
}
