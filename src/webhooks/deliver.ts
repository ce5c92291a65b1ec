import { allowedPorts, type WebhookPorts } from '../config/webhook-ports.js';
import type { Database } from '../database/database.js';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import type { JobHandler, Jobs } from '../jobs/jobs.js';
import type { ResolveName } from './address-guard.js';
import { readDeliveryJob } from './delivery-job.js';
import { OriginTurns } from './origin-turns.js';
import { planNext } from './plan-next.js';
import { type Answer, createSign } from './post-webhook.js';
import { postponeDelivery, settleDelivery } from './settle-delivery.js';

export interface DeliverWebhookDependencies {
  database: Database;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: () => Date;
  /** Each `whsec_…`; every one of them signs. */
  webhookSecrets: readonly string[];
  /** Between attempts; after the last of them a delivery has failed. */
  webhookRetryDelaysMs: readonly number[];
  webhookAllowPrivate: boolean;
  /** To which webhooks may go; the usual ones if left out. */
  webhookPorts?: WebhookPorts | null;
  resolveName: ResolveName;
  /** For a whole attempt; 15 seconds where left out. */
  webhookTimeoutMs?: number;
  /** Told what each attempt has come to. */
  onDelivery?(outcome: DeliveryOutcome): void;
}

export type DeliveryOutcome = 'delivered' | 'retrying' | 'failed';

const outcomes = { DELIVERED: 'delivered', QUEUED: 'retrying', FAILED: 'failed' } as const;

const usualTimeoutMs = 15_000;
const concurrency = 50;

/** For what is wrong on our side, such as a full disk: what a receiver does wrong is planned for in the delivery itself. */
const jobRetryDelaysMs = [1, 5, 30, 60, 300, 900, 3_600, 10_800, 21_600, 43_200].map((s) => s * 1_000);

/**
 * The handler of `deliver-webhook` jobs: one attempt at one delivery. A job that runs again after its attempt was written down
 * does nothing; one whose process died before sends again, so receivers get a delivery at least once, under one id.
 */
export function createDeliverWebhook(deps: DeliverWebhookDependencies): JobHandler {
  const { database, jobs, clock, webhookRetryDelaysMs } = deps;
  const attempt = createAttempt(deps);
  const turns = new OriginTurns();
  return {
    retryDelaysMs: jobRetryDelaysMs,
    concurrency,
    run: async (payload, { signal }) => {
      const { deliveryId: id, attempts } = readDeliveryJob(payload);
      const delivery = await database.read.findOneBy(WebhookDeliveryRow, { id, attempts, state: 'QUEUED' });
      if (!delivery) return;
      const turn = await turns.run(new URL(delivery.uri).origin, () => attempt(delivery, signal));
      const now = clock();
      if ('comeBackInMs' in turn) {
        const until = new Date(now.getTime() + turn.comeBackInMs);
        await database.write((manager) => postponeDelivery(jobs, manager, delivery, until));
        return;
      }
      const plan = planNext(delivery, turn.value, webhookRetryDelaysMs, now);
      await database.write((manager) => settleDelivery(jobs, manager, delivery, plan, now));
      deps.onDelivery?.(outcomes[plan.state]);
    },
  };
}

/** Sends a delivery once, signed at that moment. */
function createAttempt(deps: DeliverWebhookDependencies) {
  const { clock, webhookTimeoutMs: timeoutMs = usualTimeoutMs } = deps;
  const sign = createSign(deps.webhookSecrets);
  let client: ReturnType<typeof loadClient> | undefined;
  return async ({ id, uri, body }: WebhookDeliveryRow, signal: AbortSignal): Promise<Answer> => {
    client ??= loadClient(deps, timeoutMs);
    const { postWebhook, connect } = await client;
    return postWebhook({ connect, uri, headers: sign(id, body, clock()), body, timeoutMs, signal });
  };
}

/** Not before the first delivery: a service that sends none spares the memory. */
async function loadClient(
  { resolveName, webhookAllowPrivate, webhookPorts = null }: DeliverWebhookDependencies,
  timeoutMs: number,
) {
  const { postWebhook } = await import('./post-webhook.js');
  const { createGuardedConnector, createOpenConnector } = await import('./guarded-connector.js');
  const createConnector = webhookAllowPrivate ? createOpenConnector : createGuardedConnector;
  const ports = allowedPorts({ webhookPorts, webhookAllowPrivate });
  return { postWebhook, connect: createConnector(resolveName, timeoutMs, ports) };
}
