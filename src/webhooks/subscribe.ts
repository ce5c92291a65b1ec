import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Viewer } from '../auth/viewer.js';
import { WebhookSubscriptionRow } from '../database/entities/webhook-subscription.js';
import { insertRow } from '../database/insert-row.js';
import type { WebhookSubscription } from './check-webhooks.js';

/** Writes subscriptions that `checkWebhooks` has passed, inside the transaction that creates their attachment. */
export async function subscribe(
  manager: EntityManager,
  viewer: Viewer,
  attachmentId: string,
  webhooks: readonly WebhookSubscription[],
  now: Date,
): Promise<void> {
  for (const { uri, interactions } of webhooks) {
    await insertRow(manager, WebhookSubscriptionRow, {
      id: uuidv7(),
      organizationId: viewer.organizationId,
      attachmentId,
      uri: new URL(uri).href,
      interactions: [...new Set(interactions)],
      createdAt: now,
      endedAt: null,
    });
  }
}
