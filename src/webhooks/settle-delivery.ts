import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import {
  WebhookDeliveryRow,
  WebhookEndpointRow,
  WebhookSubscriptionRow,
} from '../database/entities/webhook.js';
import { Not } from '../database/typeorm.js';
import { fault } from '../errors.js';
import type { Jobs } from '../jobs/jobs.js';
import { notFound } from '../model/stored-attachment.js';
import {
  beginNext,
  deliveryJob,
  lockEndpoint,
  noteAttempt,
  type PausedEndpoint,
  type Plan,
} from './endpoint-queue.js';

type Queue = Pick<Jobs, 'enqueue'>;

/** The delivery while nobody else has settled the attempt that `delivery` was read for. */
const unsettled = ({ id, attempts }: WebhookDeliveryRow) => ({ id, attempts, state: 'QUEUED' as const });

export interface SettleOptions {
  now: Date;
  /** An endpoint that nothing was delivered to for so long is paused; 0: never. */
  pauseAfterMs: number;
}

/**
 * Writes down what an attempt came to and queues the next, inside one transaction; `delivery` is as it was before the attempt.
 * Does nothing if that attempt has been settled already. Returns the delivery's endpoint if this has paused it.
 */
export async function settleDelivery(
  jobs: Queue,
  manager: EntityManager,
  delivery: WebhookDeliveryRow,
  plan: Plan,
  { now, pauseAfterMs }: SettleOptions,
): Promise<PausedEndpoint | null> {
  const endpoint = await lockEndpoint(manager, delivery);
  const attempts = delivery.attempts + 1;
  const { state, lastStatusCode, lastError, nextAttemptAt, endsSubscription } = plan;
  const outcome = { state, lastStatusCode, lastError, nextAttemptAt };
  const isDelivered = state === 'DELIVERED';
  const { affected } = await manager.update(WebhookDeliveryRow, unsettled(delivery), {
    ...outcome,
    uri: delivery.uri,
    attempts,
    ...(isDelivered ? { deliveredAt: now } : {}),
  });
  if (affected !== 1) return null;
  if (nextAttemptAt) await jobs.enqueue(manager, deliveryJob({ id: delivery.id, attempts }, nextAttemptAt));
  else if (delivery.endpointId !== null) await beginNext(jobs, manager, delivery, now);
  else await endOfSubscribed(manager, delivery, { endsSubscription, now });
  return endpoint && noteAttempt(manager, endpoint, plan, { now, pauseAfterMs });
}

async function endOfSubscribed(
  manager: EntityManager,
  delivery: WebhookDeliveryRow,
  { endsSubscription, now }: { endsSubscription: boolean; now: Date },
): Promise<void> {
  if (endsSubscription) await endSubscription(manager, delivery, now);
  await dropIfForgotten(manager, delivery);
}

/** Ends a delivery without an attempt, since its endpoint is told nothing any more; unless it has been settled meanwhile. */
export async function giveUpDelivery(
  jobs: Queue,
  manager: EntityManager,
  delivery: WebhookDeliveryRow,
  { lastError, now }: { lastError: string; now: Date },
): Promise<void> {
  await lockEndpoint(manager, delivery);
  const { affected } = await manager.update(WebhookDeliveryRow, unsettled(delivery), {
    state: 'FAILED',
    nextAttemptAt: null,
    lastError,
  });
  if (affected === 1) await beginNext(jobs, manager, delivery, now);
}

/** Puts an attempt off that has not been made, unless it has been settled meanwhile. */
export async function postponeDelivery(
  jobs: Queue,
  manager: EntityManager,
  delivery: WebhookDeliveryRow,
  until: Date,
): Promise<void> {
  const { affected } = await manager.update(WebhookDeliveryRow, unsettled(delivery), {
    nextAttemptAt: until,
  });
  if (affected === 1) await jobs.enqueue(manager, deliveryJob(delivery, until));
}

/** The receiver is told nothing more: what else is queued for it has failed with this. */
async function endSubscription(
  manager: EntityManager,
  { subscriptionId, attachmentId }: WebhookDeliveryRow,
  now: Date,
): Promise<void> {
  await manager.update(WebhookSubscriptionRow, { id: subscriptionId }, { endedAt: now });
  const others = { attachmentId, subscriptionId, state: 'QUEUED' as const };
  const lastError = 'The receiver wants no more.';
  await manager.update(WebhookDeliveryRow, others, { state: 'FAILED', nextAttemptAt: null, lastError });
}

/** A subscription goes with its attachment; nobody can ask for what is done of it any more then. */
async function dropIfForgotten(
  manager: EntityManager,
  { attachmentId, subscriptionId }: WebhookDeliveryRow,
): Promise<void> {
  // An update that changes nothing: it waits for a deletion of the attachment that is under way, and makes one wait for this.
  const { affected } = await manager
    .createQueryBuilder()
    .update(WebhookSubscriptionRow)
    .set({ uri: () => 'uri' })
    .where('id = :subscriptionId', { subscriptionId })
    .execute();
  if (affected !== 0) return;
  await manager.delete(WebhookDeliveryRow, { attachmentId, subscriptionId, state: Not('QUEUED' as const) });
}

export interface RedeliverWebhookDependencies {
  database: Database;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: () => Date;
}

/**
 * Sends a delivery once more, at once, under the same id and with the same body; where that fails, the delays between attempts
 * begin anew. One that is still QUEUED becomes due at once, and its delays go on. It waits for no other of its attachment. Throws
 * NOT_FOUND for what is not the viewer's organization's, BAD_USER_INPUT if its endpoint is paused or deleted.
 */
export async function redeliverWebhook(
  { database, jobs, clock }: RedeliverWebhookDependencies,
  viewer: Viewer,
  deliveryId: string,
): Promise<WebhookDeliveryRow> {
  const now = clock();
  return database.write(async (manager) => {
    if (!(await makeDue(manager, viewer, deliveryId, now))) throw notFound(['input', 'deliveryId']);
    const delivery = await manager.findOneByOrFail(WebhookDeliveryRow, {
      id: deliveryId,
      organizationId: viewer.organizationId,
    });
    await assertHeard(manager, viewer, delivery);
    await jobs.enqueue(manager, deliveryJob(delivery, now));
    return delivery;
  });
}

async function assertHeard(
  manager: EntityManager,
  { organizationId }: Viewer,
  { endpointId, interaction }: WebhookDeliveryRow,
): Promise<void> {
  if (endpointId === null) return;
  const endpoint = await manager.findOneBy(WebhookEndpointRow, { id: endpointId, organizationId });
  const loc = ['input', 'deliveryId'];
  if (!endpoint) throw fault('endpoint_deleted', loc, 'Its endpoint was deleted.');
  if (endpoint.state === 'PAUSED' && interaction !== 'PING')
    throw fault('endpoint_paused', loc, 'Its endpoint is paused: enable it first.');
}

/** One statement, so that an attempt that ends meanwhile comes either before or after it. */
async function makeDue(manager: EntityManager, viewer: Viewer, id: string, now: Date): Promise<boolean> {
  const { affected } = await manager.update(
    WebhookDeliveryRow,
    { id, organizationId: viewer.organizationId },
    {
      attemptsBefore: () => "CASE WHEN state = 'QUEUED' THEN attempts_before ELSE attempts END",
      state: 'QUEUED',
      nextAttemptAt: now,
    },
  );
  return affected === 1;
}
