import { type EntityManager, Not } from 'typeorm';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import { WebhookSubscriptionRow } from '../database/entities/webhook-subscription.js';

/**
 * Deletes what is kept for an attachment, inside the transaction that deletes the attachment. Deliveries that are still QUEUED
 * stay until they are done: without their subscription they then go by themselves.
 */
export async function forgetWebhooks(manager: EntityManager, attachmentId: string): Promise<void> {
  // The subscriptions first: a delivery that is just being done waits for them, or has done so and is seen below.
  await manager.delete(WebhookSubscriptionRow, { attachmentId });
  await manager.delete(WebhookDeliveryRow, { attachmentId, state: Not('QUEUED' as const) });
}
