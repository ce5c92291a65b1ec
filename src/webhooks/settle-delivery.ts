import type { EntityManager } from 'typeorm';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import { WebhookSubscriptionRow } from '../database/entities/webhook-subscription.js';
import { Not } from '../database/typeorm.js';
import type { Jobs } from '../jobs/jobs.js';
import { deliveryJob } from './delivery-job.js';
import type { Plan } from './plan-next.js';

type Queue = Pick<Jobs, 'enqueue'>;

/** The delivery while nobody else has settled the attempt that `delivery` was read for. */
const unsettled = ({ id, attempts }: WebhookDeliveryRow) => ({ id, attempts, state: 'QUEUED' as const });

/**
 * Writes down what an attempt came to and queues the next, inside one transaction; `delivery` is as it was before the attempt.
 * Does nothing where that attempt has been settled already.
 */
export async function settleDelivery(
  jobs: Queue,
  manager: EntityManager,
  delivery: WebhookDeliveryRow,
  { endsSubscription, ...outcome }: Plan,
  now: Date,
): Promise<void> {
  const attempts = delivery.attempts + 1;
  const { affected } = await manager.update(WebhookDeliveryRow, unsettled(delivery), {
    ...outcome,
    attempts,
    ...(outcome.state === 'DELIVERED' ? { deliveredAt: now } : {}),
  });
  if (affected !== 1) return;
  if (outcome.nextAttemptAt) {
    await jobs.enqueue(manager, deliveryJob({ id: delivery.id, attempts }, outcome.nextAttemptAt));
    return;
  }
  if (endsSubscription) await endSubscription(manager, delivery, now);
  await dropIfForgotten(manager, delivery);
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
