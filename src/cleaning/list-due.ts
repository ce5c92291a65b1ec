import { isOutlived } from '../attachments/idempotency.js';
import { outlivedAt } from '../audit/audit-events.js';
import { AttachmentRow, TrashedAttachmentRow } from '../database/entities/attachment.js';
import { AuditEventRow } from '../database/entities/organization.js';
import { ShareLinkRow } from '../database/entities/record-field.js';
import { RemovalRow } from '../database/entities/stored-bytes.js';
import { IdempotencyKeyRow, UploadTargetRow } from '../database/entities/upload-target.js';
import { WebhookDeliveryRow } from '../database/entities/webhook.js';
import { before, Raw } from '../database/typeorm.js';
import { isForgotten } from '../sharing/share-links.js';
import { isForgotten as isForgottenDelivery, isUnused } from './clean-up.js';
import { listOrphans, type SweepOptions, type SweepStorageDependencies } from './sweep-storage.js';

/** Something that cleaning would remove now. */
export interface Due {
  kind:
    | 'attachment'
    | 'upload target'
    | 'idempotency key'
    | 'audit event'
    | 'share link'
    | 'webhook delivery'
    | 'bytes';
  /** An attachment's, target's, event's, link's or delivery's id, an idempotency key as its client has chosen it, or a document key. */
  id: string;
  reason: string;
}

export interface ListDueDependencies extends SweepStorageDependencies {
  auditRetentionMs: number;
  webhookRetentionMs: number;
}

const batchSize = 500;

/** Everything that is due now, one after the other, and why; changes nothing. */
export async function* listDue(deps: ListDueDependencies, options: SweepOptions): AsyncGenerator<Due> {
  yield* expiredAttachments(deps);
  yield* expiredTrash(deps);
  yield* unusedTargets(deps);
  yield* outlivedKeys(deps);
  yield* outlivedEvents(deps);
  yield* outlivedLinks(deps);
  yield* outlivedDeliveries(deps);
  for await (const { documentKey } of batches((page) => deps.database.read.find(RemovalRow, page))) {
    yield { kind: 'bytes', id: documentKey, reason: 'its last attachment was deleted' };
  }
  for await (const key of listOrphans(deps, options)) {
    yield { kind: 'bytes', id: key, reason: 'no row names it' };
  }
}

/** Earlier versions left some an end that were linked: those are kept. */
const isUnlinked = Raw((id) => `NOT EXISTS (SELECT 1 FROM links WHERE links.attachment_id = ${id})`);

async function* expiredAttachments({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = { expiresAt: before(clock()), id: isUnlinked };
  const order = { expiresAt: 'ASC', id: 'ASC' } as const;
  const expired = batches((page) => database.read.find(AttachmentRow, { where, order, ...page }));
  for await (const { id, expiresAt, recordId } of expired) {
    const what = recordId === null ? 'neither claimed nor linked' : 'unlinked from its last field';
    yield { kind: 'attachment', id, reason: `${what}; expired at ${expiresAt?.toISOString()}` };
  }
}

async function* expiredTrash({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = { expiresAt: before(clock()) };
  const order = { expiresAt: 'ASC', id: 'ASC' } as const;
  const expired = batches((page) => database.read.find(TrashedAttachmentRow, { where, order, ...page }));
  for await (const { id, deletedAt, expiresAt } of expired) {
    const reason = `in the trash since ${deletedAt.toISOString()}; expired at ${expiresAt?.toISOString()}`;
    yield { kind: 'attachment', id, reason };
  }
}

async function* unusedTargets({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = isUnused(clock());
  const order = { expiresAt: 'ASC', id: 'ASC' } as const;
  const unused = batches((page) => database.read.find(UploadTargetRow, { where, order, ...page }));
  for await (const { id, expiresAt } of unused) {
    const reason = `no attachment was made of it; expired at ${expiresAt?.toISOString()}`;
    yield { kind: 'upload target', id, reason };
  }
}

async function* outlivedKeys({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = isOutlived(clock());
  const order = { createdAt: 'ASC', key: 'ASC', principalId: 'ASC' } as const;
  const outlived = batches((page) => database.read.find(IdempotencyKeyRow, { where, order, ...page }));
  for await (const { key, createdAt } of outlived) {
    const reason = `no retry is due any more; used at ${createdAt.toISOString()}`;
    yield { kind: 'idempotency key', id: JSON.stringify(key), reason };
  }
}

async function* outlivedEvents({
  database,
  clock,
  auditRetentionMs,
}: ListDueDependencies): AsyncGenerator<Due> {
  const where = outlivedAt(clock(), auditRetentionMs);
  if (!where) return;
  const outlived = batches((page) =>
    database.read.find(AuditEventRow, { where, order: { id: 'ASC' }, ...page }),
  );
  for await (const { id, action, createdAt } of outlived) {
    yield { kind: 'audit event', id, reason: `${action} at ${createdAt.toISOString()}` };
  }
}

async function* outlivedLinks({ database, clock }: SweepStorageDependencies): AsyncGenerator<Due> {
  const where = isForgotten(clock());
  const order = { endedAt: 'ASC', id: 'ASC' } as const;
  for await (const { id, endedAt } of batches((page) =>
    database.read.find(ShareLinkRow, { where, order, ...page }),
  )) {
    yield { kind: 'share link', id, reason: `its attachment was deleted at ${endedAt?.toISOString()}` };
  }
}

async function* outlivedDeliveries({
  database,
  clock,
  webhookRetentionMs,
}: ListDueDependencies): AsyncGenerator<Due> {
  const where = isForgottenDelivery(clock(), webhookRetentionMs);
  const order = { createdAt: 'ASC', id: 'ASC' } as const;
  const outlived = batches((page) => database.read.find(WebhookDeliveryRow, { where, order, ...page }));
  for await (const { id, interaction, createdAt } of outlived) {
    yield { kind: 'webhook delivery', id, reason: `${interaction} at ${createdAt.toISOString()}` };
  }
}

async function* batches<Row>(
  read: (page: { skip: number; take: number }) => Promise<Row[]>,
): AsyncGenerator<Row> {
  for (let skip = 0; ; skip += batchSize) {
    const rows = await read({ skip, take: batchSize });
    yield* rows;
    if (rows.length < batchSize) return;
  }
}
