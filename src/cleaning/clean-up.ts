import type { EntityManager } from 'typeorm';
import {
  type DeleteRowsDependencies,
  deleteRows,
  recordDeletions,
  removeDueBytes,
} from '../attachments/delete-rows.js';
import { forgetCreations } from '../attachments/idempotency.js';
import { purgeEvents } from '../audit/audit-events.js';
import { allEnded } from '../database/background-writes.js';
import type { Database } from '../database/database.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { IntakeRow, RemovalRow } from '../database/entities/stored-bytes.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { WebhookDeliveryRow } from '../database/entities/webhook.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { at, before, IsNull, MoreThan, Not } from '../database/typeorm.js';
import { forgetSweptKeys } from '../intake/intake.js';
import type { IntakeLeases } from '../intake/intake-leases.js';
import type { Changes } from '../model/changes.js';
import { type AttachmentTable, readStored } from '../model/stored-attachment.js';
import { forgetShareLinks } from '../sharing/share-links.js';
import { type SweepStorageDependencies, sweepDeadIntakes, sweepStorage } from './sweep-storage.js';

export interface CleanUpDependencies extends SweepStorageDependencies, PurgeExpiredDependencies {
  /** How long audit events are kept; 0 is for good. */
  auditRetentionMs: number;
  /** How long deliveries of webhook endpoints are kept. */
  webhookRetentionMs: number;
  leases: Pick<IntakeLeases, 'isHeld' | 'dead'>;
}

/**
 * Removes what nobody can come to use any more: expired attachments, unused upload targets, outlived idempotency keys, audit
 * events, share links and deliveries of webhooks, bytes that are due or that no row names. What fails holds up none of the others; the first fault is thrown at the end.
 */
export async function cleanUp(deps: CleanUpDependencies, signal?: AbortSignal): Promise<void> {
  const now = deps.clock();
  const steps: (() => Promise<unknown>)[] = [
    () => purgeExpired(deps, signal),
    () => dropUnusedTargets(deps, now, signal),
    () => forgetCreations(deps.database, now),
    () => purgeEvents(deps.database, now, deps.auditRetentionMs),
    () => forgetShareLinks(deps.database, now),
    () => forgetDeliveries(deps.database, now, deps.webhookRetentionMs),
    () => removeDueBytes(deps),
    () => sweepDeadIntakes(deps),
    () => forgetSweptKeys(deps.database, now),
    () => sweepStorage(deps, { lookBackMs: 0, ...(signal ? { signal } : {}) }),
    () => deps.database.shrink(),
  ];
  const faults: unknown[] = [];
  for (const step of steps) if (!signal?.aborted) await step().catch((error: unknown) => faults.push(error));
  if (faults.length > 0) throw faults[0];
}

/** For `where`: deliveries of endpoints that are done and older than the retention, in milliseconds. */
export const isForgotten = (now: Date, retentionMs: number) => ({
  createdAt: before(new Date(now.getTime() - retentionMs)),
  endpointId: Not(IsNull()),
  state: Not('QUEUED' as const),
});

async function forgetDeliveries(database: Database, now: Date, retentionMs: number): Promise<void> {
  for (let left = deliveryBatch; left === deliveryBatch; ) {
    const old = await database.read.find(WebhookDeliveryRow, {
      select: { id: true },
      where: isForgotten(now, retentionMs),
      order: { createdAt: 'ASC' },
      take: deliveryBatch,
    });
    const ids = old.map(({ id }) => id);
    left = await database.writeInBackground((manager) =>
      changeRows(
        manager,
        (sql) => `DELETE FROM webhook_deliveries WHERE ${sql.isOneOf('id', ids)} AND state <> 'QUEUED'`,
      ),
    );
  }
}

export interface PurgeExpiredDependencies extends DeleteRowsDependencies {
  database: Database;
  clock: () => Date;
  changes: Changes;
}

const batchSize = 500;
const deliveryBatch = 1_000;

/** Attachments deleted in one transaction, so that others need not wait long. */
const purgedAtOnce = 100;

/**
 * Deletes attachments that were neither claimed nor linked in time, and those that nobody has taken out of the trash; bytes that
 * nothing uses any more are due then. Returns how many.
 */
export async function purgeExpired(deps: PurgeExpiredDependencies, signal?: AbortSignal): Promise<number> {
  const unused = await purgeTable(deps, AttachmentRow, signal);
  return unused + (await purgeTable(deps, TrashedAttachmentRow, signal));
}

async function purgeTable(
  deps: PurgeExpiredDependencies,
  table: AttachmentTable,
  signal?: AbortSignal,
): Promise<number> {
  const { database, clock } = deps;
  for (let purged = 0; ; ) {
    const now = clock();
    const late = await database.read.find(table, {
      select: { id: true },
      where: { expiresAt: before(now) },
      order: { expiresAt: 'ASC', id: 'ASC' },
      take: batchSize,
    });
    const ids = late.map(({ id }) => id);
    for (let from = 0; from < ids.length; from += purgedAtOnce)
      purged += await purgeSome(deps, { table, ids: ids.slice(from, from + purgedAtOnce), now });
    if (late.length < batchSize || signal?.aborted) return purged;
  }
}

interface Late {
  table: AttachmentTable;
  ids: readonly string[];
  now: Date;
}

/** One that cannot be deleted keeps no other from it: then each goes alone, and the first fault is thrown at the end. */
async function purgeSome(deps: PurgeExpiredDependencies, late: Late): Promise<number> {
  try {
    return await purgeTogether(deps, late);
  } catch (error) {
    if (late.ids.length === 1) throw error;
    const counts = await allEnded(late.ids.map((id) => purgeTogether(deps, { ...late, ids: [id] })));
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** A claim, link or restoration that came first has taken the expiry, or the row, away: then it stays. */
async function purgeTogether(deps: PurgeExpiredDependencies, { table, ids, now }: Late): Promise<number> {
  const gone = await deps.database.writeInBackground(async (manager) => {
    // A claim or restoration under way is waited for, and seen then.
    await lockRows(manager, table, ids, 'UPDATE');
    if (table === AttachmentRow) await keepLinked(manager, ids);
    const found = await readStored(manager, ids, table);
    const expired = found.filter(({ attachment: { expiresAt } }) => expiresAt !== null && expiresAt < now);
    if (expired.length === 0) return [];
    const attachments = expired.map(({ attachment }) => attachment);
    const changes = await deps.changes.describe(manager, attachments);
    await recordDeletions(manager, null, expired, now);
    await deleteRows(deps, manager, expired, now);
    return changes;
  });
  deps.changes.publish(gone);
  return gone.length;
}

/** Earlier versions left some an end that were linked while they were unlinked elsewhere. */
async function keepLinked(manager: EntityManager, ids: readonly string[]): Promise<void> {
  await changeRows(
    manager,
    (sql) => `UPDATE attachments SET expires_at = NULL WHERE ${sql.isOneOf('id', ids)}
      AND EXISTS (SELECT 1 FROM links WHERE links.attachment_id = attachments.id)`,
  );
}

export interface DropUnusedTargetsDependencies {
  database: Database;
  leases: Pick<IntakeLeases, 'isHeld'>;
}

/** A finished target gets a day for its attachment to be made; one that is late with its bytes gets none. */
const finishedGraceMs = 24 * 60 * 60 * 1_000;

/** For `where`: upload targets that nobody can use any more. Bytes in many requests that are not all there by then wait for nothing. */
export const isUnused = (now: Date) => [
  { expiresAt: before(new Date(now.getTime() - finishedGraceMs)) },
  { expiresAt: before(now), protocol: Not('PUT' as const), state: Not('FINISHED' as const) },
];

/** Deletes unused upload targets, but for those whose bytes are on their way; the bytes they have brought are due then. */
async function dropUnusedTargets(
  { database, leases }: DropUnusedTargetsDependencies,
  now: Date,
  signal?: AbortSignal,
): Promise<void> {
  for (let after = ''; ; ) {
    const late = await database.read.find(UploadTargetRow, {
      where: isUnused(now).map((unused) => ({ id: MoreThan(after), ...unused })),
      order: { id: 'ASC' },
      take: batchSize,
    });
    const idle = late.filter(({ documentKey }) => !leases.isHeld(documentKey));
    await allEnded(idle.map((target) => database.writeInBackground((manager) => drop(manager, target, now))));
    after = late.at(-1)?.id ?? after;
    if (late.length < batchSize || signal?.aborted) return;
  }
}

async function drop(manager: EntityManager, target: UploadTargetRow, now: Date): Promise<void> {
  const { id, documentKey, state, expiresAt } = target;
  if (expiresAt === null || (await manager.existsBy(IntakeRow, { documentKey }))) return;
  const { affected } = await manager.delete(UploadTargetRow, { id, state, expiresAt: at(expiresAt) });
  if (affected === 1) await insertRow(manager, RemovalRow, { documentKey, createdAt: now });
}
