import { randomInt } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import * as z from 'zod';
import { recordEvent } from '../audit/audit-events.js';
import type { Database } from '../database/database.js';
import {
  WebhookDeliveryRow,
  WebhookEndpointRow,
  type WebhookPauseReason,
} from '../database/entities/webhook.js';
import { lockOwn } from '../database/lock-order.js';
import { changeRows } from '../database/read-rows.js';
import { IsNull, Not } from '../database/typeorm.js';
import type { Jobs, NewJob } from '../jobs/jobs.js';
import type { Answer } from './post-webhook.js';

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
  await lockOwn(manager, WebhookEndpointRow, { organizationId }, endpointId);
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

export const deliverWebhookKind = 'deliver-webhook';

const payload = z.object({ deliveryId: z.string(), attempts: z.int() });

/** `attempts`: how many have been made before; a job that comes a second time is known by it. */
export type DeliveryJobPayload = z.infer<typeof payload>;

/** The job of a delivery's next attempt, taking the place of one that waits already. */
export function deliveryJob(delivery: { id: string; attempts: number }, runAt: Date): NewJob {
  const job: DeliveryJobPayload = { deliveryId: delivery.id, attempts: delivery.attempts };
  return { kind: deliverWebhookKind, payload: job, key: `webhook:${delivery.id}`, runAt };
}

export const readDeliveryJob = (given: unknown): DeliveryJobPayload => payload.parse(given);

/** The next step of a delivery after an attempt. */
export interface Plan {
  state: 'QUEUED' | 'DELIVERED' | 'FAILED';
  lastStatusCode: number | null;
  lastError: string | null;
  /** Null unless QUEUED. */
  nextAttemptAt: Date | null;
  /** The receiver has said that it wants no more. */
  endsSubscription: boolean;
}

type Attempted = Pick<WebhookDeliveryRow, 'attempts' | 'attemptsBefore'>;

const gone = 410;

/** Answers by which a receiver may say when to come back. */
const comeBackLater = new Set([429, 503]);

const longestRetryAfterMs = 86_400_000;

/**
 * 2xx is delivered and 410 the end; everything else is tried again after the next of `retryDelaysMs`, until they are used up.
 * `delivery` is as it was before the attempt.
 */
export function planNext(
  delivery: Attempted,
  answer: Answer,
  retryDelaysMs: readonly number[],
  now: Date,
): Plan {
  const { status } = answer;
  const done = { lastStatusCode: status, nextAttemptAt: null, endsSubscription: status === gone };
  if (status !== null && status >= 200 && status < 300)
    return { ...done, state: 'DELIVERED', lastError: null };
  const lastError = answer.status === null ? answer.error : `The receiver answered ${answer.status}.`;
  const delayMs = retryDelaysMs[delivery.attempts - delivery.attemptsBefore];
  if (delayMs === undefined || status === gone) return { ...done, state: 'FAILED', lastError };
  const waitMs = Math.max(withJitter(delayMs), wishedDelayMs(answer, now));
  return { ...done, state: 'QUEUED', lastError, nextAttemptAt: new Date(now.getTime() + waitMs) };
}

/** Up to a tenth more, so that what failed together does not come back together. */
const withJitter = (delayMs: number) => delayMs + randomInt(Math.floor(delayMs / 10) + 1);

/** The delay a receiver asks for, as seconds or as a date; 0 where it asks for none, a day at most. */
function wishedDelayMs(answer: Answer, now: Date): number {
  if (answer.status === null || answer.retryAfter === null || !comeBackLater.has(answer.status)) return 0;
  const { retryAfter } = answer;
  const wished = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1_000
    : Date.parse(retryAfter) - now.getTime();
  return wished > 0 ? Math.min(wished, longestRetryAfterMs) : 0;
}
