import { z } from 'zod';
import type { NewJob } from '../jobs/jobs.js';

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
