import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import {
  WebhookDeliveryRow,
  type WebhookInteraction,
  WebhookSubscriptionRow,
} from '../database/entities/webhook.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows, type Parameters, readRows } from '../database/read-rows.js';
import type { Faults } from '../errors.js';
import type { Jobs } from '../jobs/jobs.js';
import { newId } from '../new-id.js';
import type { WebhookSubscription } from '../verdicts/record-verdict.js';
import { type CheckWebhooksDependencies, checkWebhooks } from './check-webhooks.js';
import { deliveryJob } from './endpoint-queue.js';

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
  const open = await readRows(
    manager,
    WebhookSubscriptionRow,
    (sql) => `attachment_id = ${sql.add(attachmentId)} AND organization_id = ${sql.add(organizationId)}
      AND ended_at IS NULL`,
  );
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
    id: newId(),
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

export interface WebhooksDependencies extends CheckWebhooksDependencies {
  jobs: Pick<Jobs, 'enqueue'>;
}

/** An attachment that has a verdict. */
interface Judged {
  attachment: {
    id: string;
    organizationId: string;
    fileName: string;
    contentType: string;
    size: number;
    version?: number;
  };
  blob: { md5: string; sha256: string; verdict: string };
  rejection: WebhookEvent['rejection'];
}

/** Tells receivers outside of verdicts, by deliveries that are written with them. */
export function createWebhooks(deps: WebhooksDependencies) {
  return {
    check: (
      faults: Faults,
      viewer: Viewer,
      webhooks: readonly WebhookSubscription[],
      loc: (string | number)[],
    ) => checkWebhooks(faults, deps, viewer, webhooks, loc),
    subscribe,
    announce: (manager: EntityManager, judged: Judged, now: Date) =>
      fanOut(deps, manager, toEvent(judged, now)),
    forget: forgetWebhooks,
  };
}

function toEvent({ attachment, blob, rejection }: Judged, now: Date): WebhookEvent {
  const { md5, sha256, verdict: status } = blob;
  return {
    interaction: status === 'REJECTED' ? 'ATTACHMENT_REJECTED' : 'ATTACHMENT_APPROVED',
    attachment: { ...attachment, md5, sha256, status },
    rejection,
    now,
  };
}

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
      id: newId(),
      organizationId: viewer.organizationId,
      attachmentId,
      uri: new URL(uri).href,
      interactions: [...new Set(interactions)],
      createdAt: now,
      endedAt: null,
    });
  }
}

/**
 * Deletes what is kept for attachments, inside the transaction that deletes them. Deliveries that are still QUEUED
 * stay until they are done: without their subscription they then go by themselves.
 */
export async function forgetWebhooks(
  manager: EntityManager,
  attachmentIds: readonly string[],
): Promise<void> {
  // The subscriptions first: a delivery that is just being done waits for them, or has done so and is seen below.
  const isOfThese = (sql: Parameters) => sql.isOneOf('attachment_id', attachmentIds);
  await changeRows(manager, (sql) => `DELETE FROM webhook_subscriptions WHERE ${isOfThese(sql)}`);
  await changeRows(
    manager,
    (sql) =>
      `DELETE FROM webhook_deliveries WHERE ${isOfThese(sql)} AND endpoint_id IS NULL AND state <> 'QUEUED'`,
  );
}
