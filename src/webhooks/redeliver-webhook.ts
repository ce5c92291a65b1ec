import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import { WebhookEndpointRow } from '../database/entities/webhook-endpoint.js';
import { fault } from '../errors.js';
import type { Jobs } from '../jobs/jobs.js';
import { notFound } from '../model/stored-attachment.js';
import { deliveryJob } from './delivery-job.js';

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
