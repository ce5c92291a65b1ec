import { LRUCache } from 'lru-cache';
import { allowedPorts, type WebhookPorts } from '../config/integration-settings.js';
import type { Database } from '../database/database.js';
import { WebhookDeliveryRow, WebhookEndpointRow } from '../database/entities/webhook.js';
import { FairTurns } from '../database/fair-turns.js';
import type { JobHandler, Jobs } from '../jobs/jobs.js';
import type { ResolveName } from './check-webhooks.js';
import { DeliveryTurns } from './delivery-turns.js';
import { giveUpQueue, type PausedEndpoint, type Plan, planNext, readDeliveryJob } from './endpoint-queue.js';
import { secretsAt } from './endpoints.js';
import type { Answer } from './post-webhook.js';
import { giveUpDelivery, postponeDelivery, settleDelivery } from './settle-delivery.js';
import { createSign } from './sign-webhook.js';

export interface DeliverWebhookDependencies {
  database: Database;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: () => Date;
  /** Each `whsec_…`; every one of them signs, but for endpoints, which have their own. */
  webhookSecrets: readonly string[];
  /** Between attempts; after the last of them a delivery has failed. */
  webhookRetryDelaysMs: readonly number[];
  webhookAllowPrivate: boolean;
  /** To which webhooks may go; the usual ones if left out. */
  webhookPorts?: WebhookPorts | null;
  resolveName: ResolveName;
  /** For a whole attempt; 15 seconds where left out. */
  webhookTimeoutMs?: number;
  /** An endpoint that nothing was delivered to for so long is paused; 0: never. */
  webhookPauseMs: number;
  /** Told what each attempt has come to. */
  onDelivery?(outcome: DeliveryOutcome): void;
  onEndpointPaused?(endpoint: PausedEndpoint): void;
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
  const turns = new DeliveryTurns();
  return {
    retryDelaysMs: jobRetryDelaysMs,
    concurrency,
    run: async (payload, { signal }) => {
      const { deliveryId: id, attempts } = readDeliveryJob(payload);
      const delivery = await database.read.findOneBy(WebhookDeliveryRow, { id, attempts, state: 'QUEUED' });
      if (!delivery) return;
      const receiver = await findReceiver(deps, delivery);
      if ('refusal' in receiver) return giveUp(deps, delivery, receiver.refusal);
      const turn = await turns.run({ ...delivery, uri: receiver.uri }, () =>
        attempt(delivery, receiver, signal),
      );
      const now = clock();
      if ('comeBackInMs' in turn) {
        const until = new Date(now.getTime() + turn.comeBackInMs);
        await database.write((manager) => postponeDelivery(jobs, manager, delivery, until));
        return;
      }
      const plan = planNext(delivery, turn.value, webhookRetryDelaysMs, now);
      await settle(deps, { ...delivery, uri: receiver.uri }, plan, now);
    },
  };
}

/** The address that a delivery goes to at this moment, and the secrets that sign it. */
interface Receiver {
  uri: string;
  secrets: readonly string[];
}

/** An endpoint can have been changed since the delivery was made. */
async function findReceiver(
  { database, clock, webhookSecrets }: DeliverWebhookDependencies,
  { endpointId, organizationId, uri, interaction }: WebhookDeliveryRow,
): Promise<Receiver | { refusal: string }> {
  if (endpointId === null) return { uri, secrets: webhookSecrets };
  const endpoint = await database.read.findOneBy(WebhookEndpointRow, { id: endpointId, organizationId });
  if (!endpoint) return { refusal: 'The endpoint was deleted.' };
  if (endpoint.state === 'PAUSED' && interaction !== 'PING') return { refusal: 'The endpoint is paused.' };
  return { uri: endpoint.uri, secrets: secretsAt(endpoint, clock()) };
}

async function giveUp(
  { database, jobs, clock, onDelivery }: DeliverWebhookDependencies,
  delivery: WebhookDeliveryRow,
  lastError: string,
): Promise<void> {
  const now = clock();
  await database.write((manager) => giveUpDelivery(jobs, manager, delivery, { lastError, now }));
  onDelivery?.('failed');
}

async function settle(
  deps: DeliverWebhookDependencies,
  delivery: WebhookDeliveryRow,
  plan: Plan,
  now: Date,
): Promise<void> {
  const { database, jobs, webhookPauseMs: pauseAfterMs } = deps;
  const paused = await database.write((manager) =>
    settleDelivery(jobs, manager, delivery, plan, { now, pauseAfterMs }),
  );
  deps.onDelivery?.(outcomes[plan.state]);
  if (!paused) return;
  deps.onEndpointPaused?.(paused);
  await giveUpQueue(database, paused, 'The endpoint is paused.');
}

/** Sends a delivery once, signed at that moment. */
function createAttempt(deps: DeliverWebhookDependencies) {
  const { clock, webhookTimeoutMs: timeoutMs = usualTimeoutMs } = deps;
  let client: ReturnType<typeof loadClient> | undefined;
  return async (
    { id, organizationId, body }: WebhookDeliveryRow,
    { uri, secrets }: Receiver,
    signal: AbortSignal,
  ): Promise<Answer> => {
    client ??= loadClient(deps, timeoutMs);
    const { postWebhook, connectorOf } = await client;
    const headers = createSign(secrets)(id, body, clock());
    return postWebhook({ connect: connectorOf(organizationId), uri, headers, body, timeoutMs, signal });
  };
}

/**
 * Names that are looked up at once, of all and of one organization. Each takes a thread of the process until its name server answers,
 * or for ten seconds and more if that never does, and nothing can end it before.
 */
const lookups = { seats: [1, 2, 3, 4, 5], seatsOfOneKey: 3 };
/** Organizations whose connector is kept, with its TLS sessions. */
const maxConnectors = 100;

/** Not before the first delivery: a service that sends none spares the memory. */
async function loadClient(
  { resolveName, webhookAllowPrivate, webhookPorts = null }: DeliverWebhookDependencies,
  timeoutMs: number,
) {
  const { postWebhook } = await import('./post-webhook.js');
  const { createGuardedConnector, createOpenConnector } = await import('./guarded-connector.js');
  const createConnector = webhookAllowPrivate ? createOpenConnector : createGuardedConnector;
  const ports = allowedPorts({ webhookPorts, webhookAllowPrivate });
  const turns = new FairTurns({ ...lookups, patienceMs: timeoutMs });
  const connectors = new LRUCache<string, ReturnType<typeof createConnector>>({ max: maxConnectors });
  const connectorOf = (organizationId: string) => {
    const known = connectors.get(organizationId);
    if (known) return known;
    const resolve: ResolveName = (name) => turns.run(organizationId, () => resolveName(name));
    const made = createConnector(resolve, timeoutMs, ports);
    connectors.set(organizationId, made);
    return made;
  };
  return { postWebhook, connectorOf };
}
