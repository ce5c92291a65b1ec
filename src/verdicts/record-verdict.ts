import type { EntityManager } from 'typeorm';
import { type AuditEvent, recordEvents } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { type AttachmentRow, AttachmentVersionRow } from '../database/entities/attachment.js';
import { BlobRow, type RejectionReason, RejectionRow, type Verdict } from '../database/entities/blob.js';
import type { WebhookInteraction } from '../database/entities/webhook.js';
import { lockOver } from '../database/lock-order.js';
import { changeRows, readRows } from '../database/read-rows.js';
import type { Faults } from '../errors.js';
import { dropFromFields } from '../links/link-attachments.js';
import { attachmentsOver } from '../model/attachments-over.js';
import type { Change, Changes } from '../model/changes.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import { countVersion, lockAttachment, trimVersions, withContent } from '../model/versions.js';

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

/** As `recordVerdict`, inside the caller's transaction. Returns what is to be published after it; null where nothing changed. */
export async function writeVerdict(
  { clock, webhooks, unlinkedRetentionMs, maxVersions, changes }: Omit<RecordVerdictDependencies, 'database'>,
  manager: EntityManager,
  change: VerdictChange,
): Promise<Change[] | null> {
  const { blobId, from, to } = change;
  if (to.verdict === from) return null;
  await lockOver(manager, [blobId], { areLeaving: to.verdict === 'REJECTED' });
  // A scan may have begun before a release, in a process that was suspended since, and end after it.
  const isFree =
    to.verdict === 'APPROVED' ? '' : 'AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.blob_id = blobs.id)';
  const affected = await changeRows(
    manager,
    (sql) => `UPDATE blobs SET verdict = ${sql.add(to.verdict)}
      WHERE id = ${sql.add(blobId)} AND verdict = ${sql.add(from)} ${isFree}`,
  );
  if (affected !== 1) return null;
  const now = clock();
  const rejection = to.verdict === 'REJECTED' ? to.rejection : null;
  if (rejection) {
    await manager.upsert(RejectionRow, { blobId, ...rejection, rejectedAt: now }, ['blobId']);
  }
  await changeRows(
    manager,
    (sql) =>
      `UPDATE attachments SET updated_at = ${sql.add(now.getTime())} WHERE blob_id = ${sql.add(blobId)}`,
  );
  const [blob] = await readRows(manager, BlobRow, (sql) => `id = ${sql.add(blobId)}`);
  if (!blob) throw new Error('A blob that has its verdict has gone.');
  const others = await judgeVersions(manager, blob, { now, maxVersions });
  const tell: Tell = async (attachments, areCurrent) => {
    // Before rejected ones leave their fields, so that those records are told too.
    const described = await changes.describeLeaving(manager, attachments);
    await recordVerdictEvents(manager, attachments, change, now);
    for (const attachment of areCurrent && rejection ? attachments : [])
      await dropFromFields(manager, attachment, { now, retentionMs: unlinkedRetentionMs });
    for (const attachment of isFinal(to) ? attachments : [])
      await webhooks.announce(manager, { attachment, blob, rejection }, now);
    return described;
  };
  const told: Change[] = [];
  for await (const attachments of attachmentsOver(manager, [blobId]))
    told.push(...(await tell(attachments, true)));
  return [...told, ...(await tell(others, false))];
}

/** Tells of the verdict of these attachments, which is that of their current content if `areCurrent`, and else of another. */
type Tell = (attachments: readonly AttachmentRow[], areCurrent: boolean) => Promise<Change[]>;

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

/**
 * Counts the contents over an approved blob that have waited for it, and makes them current. Returns the attachments, each as it
 * would be with such a content, of which it is not the current one: rejected, or older than one that was approved before.
 */
async function judgeVersions(
  manager: EntityManager,
  { id: blobId, organizationId, verdict }: BlobRow,
  { now, maxVersions }: { now: Date; maxVersions: number },
): Promise<AttachmentRow[]> {
  const waiting = await readRows(
    manager,
    AttachmentVersionRow,
    (sql) => `blob_id = ${sql.add(blobId)} AND organization_id = ${sql.add(organizationId)}
      AND approved_at IS NULL ORDER BY attachment_id`,
  );
  const others: AttachmentRow[] = [];
  for (const version of waiting) {
    const stored = await lockAttachment(manager, version.attachmentId);
    if (!stored) continue;
    const isCounted = verdict === 'APPROVED' && (await countVersion(manager, stored, version, now));
    const after = isCounted ? await lockAttachment(manager, version.attachmentId) : stored;
    if (!after) throw new Error('An attachment that is locked has gone.');
    if (after.attachment.blobId !== blobId) others.push(withContent(after.attachment, version));
    if (isCounted) await trimVersions(manager, after.attachment, maxVersions, now);
  }
  return others;
}

/** Why an attachment was rejected. */
export interface Rejection {
  reason: RejectionReason;
  message: string;
  signature: string | null;
}

/** An attachment whose verdict has just been written. */
export interface JudgedAttachment extends StoredAttachment {
  rejection: Rejection | null;
}

/** A wish to be told of a verdict. */
export interface WebhookSubscription {
  uri: string;
  interactions: readonly WebhookInteraction[];
}

/** Tells receivers outside of the service of verdicts. */
export interface VerdictWebhooks {
  /** Notes what is wrong with subscriptions that a client has sent. */
  check(
    faults: Faults,
    viewer: Viewer,
    subscriptions: readonly WebhookSubscription[],
    loc: (string | number)[],
  ): Promise<void>;
  /** Inside the transaction that creates the attachment. */
  subscribe(
    manager: EntityManager,
    viewer: Viewer,
    attachmentId: string,
    subscriptions: readonly WebhookSubscription[],
    now: Date,
  ): Promise<void>;
  /** Inside the transaction that writes the verdict, approved or rejected. */
  announce(manager: EntityManager, judged: JudgedAttachment, now: Date): Promise<void>;
  /** Inside the transaction that deletes the attachments. */
  forget(manager: EntityManager, attachmentIds: readonly string[]): Promise<void>;
}
