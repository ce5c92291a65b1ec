import type { EntityManager } from 'typeorm';
import { recordEvent } from '../audit/record-event.js';
import type { Database } from '../database/database.js';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import { WebhookEndpointRow, type WebhookPauseReason } from '../database/entities/webhook-endpoint.js';
import { changeRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { IsNull, Not } from '../database/typeorm.js';
import type { Jobs } from '../jobs/jobs.js';
import { deliveryJob } from './delivery-job.js';
import type { Plan } from './plan-next.js';

/*
 * The deliveries of an attachment to an endpoint are a queue: the first has a job and `next_attempt_at`, the others have neither
 * until it is done. Whoever adds one or ends one has locked the endpoint, so that none is forgotten.
 */

type Queue = Pick<Jobs, 'enqueue'>;

/** An endpoint that is told nothing any more until somebody enables it. */
export interface PausedEndpoint {
  id: string;
  organizationId: string;
  reason: WebhookPauseReason;
}

/** The delivery's endpoint, kept as it is until the transaction ends; null if it was deleted, or for a subscription. */
export async function lockEndpoint(
  manager: EntityManager,
  { organizationId, endpointId }: Pick<WebhookDeliveryRow, 'organizationId' | 'endpointId'>,
): Promise<WebhookEndpointRow | null> {
  if (endpointId === null) return null;
  await lockRows(manager, WebhookEndpointRow, [endpointId], 'UPDATE');
  return manager.findOneBy(WebhookEndpointRow, { id: endpointId, organizationId });
}

/** Has the next delivery of the queue sent once this one is done. */
export async function beginNext(
  jobs: Queue,
  manager: EntityManager,
  { organizationId, endpointId, attachmentId }: WebhookDeliveryRow,
  now: Date,
): Promise<void> {
  if (endpointId === null) return;
  const queued = { organizationId, endpointId, attachmentId, state: 'QUEUED' as const };
  // One that was asked for again may be on its way beside the queue.
  if (await manager.existsBy(WebhookDeliveryRow, { ...queued, nextAttemptAt: Not(IsNull()) })) return;
  const next = await manager.findOne(WebhookDeliveryRow, {
    select: { id: true, attempts: true },
    where: { ...queued, nextAttemptAt: IsNull() },
    order: { id: 'ASC' },
  });
  if (!next) return;
  await manager.update(WebhookDeliveryRow, { id: next.id, organizationId }, { nextAttemptAt: now });
  await jobs.enqueue(manager, deliveryJob(next, now));
}

/**
 * Notes of a locked endpoint how an attempt ended, and pauses it if nothing was delivered for `pauseAfterMs` (0: never) or its
 * receiver is gone. Returns the endpoint if this has paused it.
 */
export async function noteAttempt(
  manager: EntityManager,
  endpoint: WebhookEndpointRow,
  { state, endsSubscription }: Plan,
  { now, pauseAfterMs }: { now: Date; pauseAfterMs: number },
): Promise<PausedEndpoint | null> {
  const { id, organizationId, failingSince } = endpoint;
  if (state === 'DELIVERED') {
    if (failingSince)
      await manager.update(WebhookEndpointRow, { id, organizationId }, { failingSince: null });
    return null;
  }
  const since = failingSince ?? now;
  if (!failingSince)
    await manager.update(WebhookEndpointRow, { id, organizationId }, { failingSince: since });
  const isLost = pauseAfterMs > 0 && now.getTime() - since.getTime() >= pauseAfterMs;
  if (endpoint.state === 'PAUSED' || !(endsSubscription || isLost)) return null;
  const reason = endsSubscription ? 'GONE' : 'FAILING';
  const change = { state: 'PAUSED', pausedAt: now, pauseReason: reason, updatedAt: now } as const;
  await manager.update(WebhookEndpointRow, { id, organizationId }, change);
  const event = { action: 'WEBHOOK_ENDPOINT_PAUSED', subjectId: id, at: now } as const;
  const details = { reason, failingSince: since };
  await recordEvent(manager, { organizationId, principal: null }, { ...event, details });
  return { id, organizationId, reason };
}

/** Deliveries that fail in one transaction, so that others need not wait long. */
const batchSize = 1_000;

/**
 * Gives up all that is queued for an endpoint that is paused or deleted, tests excepted. What it leaves, for instance at a kill,
 * is given up by its jobs.
 */
export async function giveUpQueue(
  { writeInBackground }: Pick<Database, 'writeInBackground'>,
  { id, organizationId }: Pick<WebhookEndpointRow, 'id' | 'organizationId'>,
  lastError: string,
): Promise<void> {
  for (let left = batchSize; left === batchSize; )
    left = await writeInBackground(async (manager) => {
      const endpoint = await lockEndpoint(manager, { organizationId, endpointId: id });
      if (endpoint?.state === 'ENABLED') return 0;
      return failSome(manager, { id, organizationId }, lastError);
    });
}

/** The last of a queue first: none must wait for one that has been given up. */
function failSome(
  manager: EntityManager,
  { id, organizationId }: Pick<WebhookEndpointRow, 'id' | 'organizationId'>,
  lastError: string,
): Promise<number> {
  return changeRows(
    manager,
    (
      sql,
    ) => `UPDATE webhook_deliveries SET state = 'FAILED', next_attempt_at = NULL, last_error = ${sql.add(lastError)}
      WHERE state = 'QUEUED' AND id IN (SELECT d.id FROM webhook_deliveries d
        WHERE d.endpoint_id = ${sql.add(id)} AND d.organization_id = ${sql.add(organizationId)}
          AND d.state = 'QUEUED' AND d.interaction <> 'PING' AND (d.next_attempt_at IS NULL OR NOT EXISTS (
            SELECT 1 FROM webhook_deliveries w WHERE w.endpoint_id = d.endpoint_id
              AND w.attachment_id = d.attachment_id AND w.state = 'QUEUED' AND w.next_attempt_at IS NULL))
        LIMIT ${batchSize})`,
  );
}
