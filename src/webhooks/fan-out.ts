import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import {
  type WebhookInteraction,
  WebhookSubscriptionRow,
} from '../database/entities/webhook-subscription.js';
import { insertRow } from '../database/insert-row.js';
import { IsNull } from '../database/typeorm.js';
import type { Jobs } from '../jobs/jobs.js';
import { deliveryJob } from './delivery-job.js';

/** An event of an attachment. */
export interface WebhookEvent {
  interaction: WebhookInteraction;
  attachment: {
    id: string;
    organizationId: string;
    fileName: string;
    contentType: string;
    /** Bytes. */
    size: number;
    /** Lowercase hexadecimal, as is `sha256`. */
    md5: string;
    sha256: string;
    status: string;
    /** The version of the content that has the verdict; told from the second on. */
    version?: number;
  };
  /** Null unless it was rejected. */
  rejection: { reason: string; message: string; signature: string | null } | null;
  now: Date;
}

/**
 * Queues a delivery for every open subscription of the attachment that waits for this, inside the caller's transaction: they
 * are sent if the verdict is kept, and never otherwise.
 */
export async function fanOut(
  { jobs }: { jobs: Pick<Jobs, 'enqueue'> },
  manager: EntityManager,
  event: WebhookEvent,
): Promise<void> {
  const { id: attachmentId, organizationId } = event.attachment;
  const open = await manager.findBy(WebhookSubscriptionRow, {
    attachmentId,
    organizationId,
    endedAt: IsNull(),
  });
  const waiting = open.filter(({ interactions }) => interactions.includes(event.interaction));
  if (waiting.length === 0) return;
  const body = composeBody(event);
  for (const subscription of waiting) {
    const delivery = queuedDelivery(subscription, event, body);
    await insertRow(manager, WebhookDeliveryRow, delivery);
    await jobs.enqueue(manager, deliveryJob(delivery, event.now));
  }
}

function queuedDelivery(
  subscription: WebhookSubscriptionRow,
  { interaction, now }: WebhookEvent,
  body: string,
): WebhookDeliveryRow {
  return {
    id: uuidv7(),
    organizationId: subscription.organizationId,
    attachmentId: subscription.attachmentId,
    subscriptionId: subscription.id,
    endpointId: null,
    uri: subscription.uri,
    interaction,
    state: 'QUEUED',
    attempts: 0,
    attemptsBefore: 0,
    lastStatusCode: null,
    lastError: null,
    nextAttemptAt: now,
    body,
    createdAt: now,
    deliveredAt: null,
  };
}

/** Named one by one, so that nothing leaves with them by accident. */
function composeBody({ interaction, attachment, rejection, now }: WebhookEvent): string {
  const { id, organizationId, fileName, contentType, size, md5, sha256, status, version = 1 } = attachment;
  const numbered = version > 1 ? { version } : {};
  return JSON.stringify({
    type: interaction.toLowerCase(),
    timestamp: now.toISOString(),
    data: {
      attachment: { id, organizationId, fileName, contentType, size, md5, sha256, status, ...numbered },
      rejection: rejection && {
        reason: rejection.reason,
        message: rejection.message,
        signature: rejection.signature,
      },
    },
  });
}
