import { allowedPorts, type WebhookPorts } from '../config/integration-settings.js';
import type { Database } from '../database/database.js';
import { WebhookDeliveryRow, WebhookEndpointRow } from '../database/entities/webhook.js';
import type { JobHandler, Jobs } from '../jobs/jobs.js';
import type { ResolveName } from './check-webhooks.js';
import { giveUpQueue, type PausedEndpoint, type Plan, planNext, readDeliveryJob } from './endpoint-queue.js';
import { secretsAt } from './endpoints.js';
import { type Answer, createSign } from './post-webhook.js';
import { giveUpDelivery, postponeDelivery, settleDelivery } from './settle-delivery.js';

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
  const turns = new OriginTurns();
  return {
    retryDelaysMs: jobRetryDelaysMs,
    concurrency,
    run: async (payload, { signal }) => {
      const { deliveryId: id, attempts } = readDeliveryJob(payload);
      const delivery = await database.read.findOneBy(WebhookDeliveryRow, { id, attempts, state: 'QUEUED' });
      if (!delivery) return;
      const receiver = await findReceiver(deps, delivery);
      if ('refusal' in receiver) return giveUp(deps, delivery, receiver.refusal);
      const turn = await turns.run(new URL(receiver.uri).origin, () => attempt(delivery, receiver, signal));
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
    { id, body }: WebhookDeliveryRow,
    { uri, secrets }: Receiver,
    signal: AbortSignal,
  ): Promise<Answer> => {
    client ??= loadClient(deps, timeoutMs);
    const { postWebhook, connect } = await client;
    const headers = createSign(secrets)(id, body, clock());
    return postWebhook({ connect, uri, headers, body, timeoutMs, signal });
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

interface Attempt {
  startedAt: number;
}

interface Origin {
  /** Those under way, the oldest first. */
  running: Set<Attempt>;
  /** Told once they have a turn, the first first. */
  waiting: ((attempt: Attempt) => void)[];
  /** How long an attempt takes of late. */
  paceMs: number;
  /** Until when turns are given out to those sent away. */
  bookedUntil: number;
}

/** At most so many attempts at once at one origin; fewer where it is slow. */
const share = 8;
const slowShare = 2;
const slowMs = 2_000;

/** A brisk origin has a turn free within this time, which is cheaper to wait for than to come back. */
const patienceMs = 250;

const shortestBookingMs = 50;
const longestBookingMs = 120_000;

/**
 * Keeps a slow receiver from using up all of the process's attempts. Who finds the share of its origin under way waits for a
 * moment where the origin is brisk, and is sent away otherwise, each with a time to come back at: one after the other, at the
 * pace at which the origin answers. So others do not notice a long row at a dead receiver, which costs next to nothing.
 */
class OriginTurns {
  readonly #origins = new Map<string, Origin>();

  /** Runs `work` once it is `origin`'s turn, or says in how many milliseconds to come back. */
  async run<T>(origin: string, work: () => Promise<T>): Promise<{ value: T } | { comeBackInMs: number }> {
    const known = this.#origins.get(origin) ?? newOrigin();
    this.#origins.set(origin, known);
    const attempt = hasTurn(known) ? begin(known) : await waitForTurn(known);
    if (!attempt) return { comeBackInMs: book(known) };
    try {
      return { value: await work() };
    } finally {
      end(known, attempt);
      if (isIdle(known)) this.#origins.delete(origin);
    }
  }
}

const newOrigin = (): Origin => ({ running: new Set(), waiting: [], paceMs: 0, bookedUntil: 0 });

const isIdle = ({ running, waiting, bookedUntil }: Origin) =>
  running.size === 0 && waiting.length === 0 && bookedUntil < performance.now();

/** A delivery that has been under way for long counts as slow before it ends. */
function paceOf({ running, paceMs }: Origin): number {
  const [oldest] = running;
  return oldest ? Math.max(paceMs, performance.now() - oldest.startedAt) : paceMs;
}

const shareOf = (origin: Origin) => (paceOf(origin) < slowMs ? share : slowShare);

const hasTurn = (origin: Origin) => origin.running.size < shareOf(origin);

function begin({ running }: Origin): Attempt {
  const attempt = { startedAt: performance.now() };
  running.add(attempt);
  return attempt;
}

function end(origin: Origin, attempt: Attempt): void {
  origin.running.delete(attempt);
  origin.paceMs = (origin.paceMs + performance.now() - attempt.startedAt) / 2;
  if (!hasTurn(origin)) return;
  const next = origin.waiting.shift();
  next?.(begin(origin));
}

/** Null where none is free in time, or will not be. */
function waitForTurn(origin: Origin): Promise<Attempt | null> {
  if (paceOf(origin) >= slowMs) return Promise.resolve(null);
  return new Promise((resolve) => {
    const take = (attempt: Attempt) => {
      clearTimeout(timer);
      resolve(attempt);
    };
    const timer = setTimeout(() => {
      origin.waiting = origin.waiting.filter((other) => other !== take);
      resolve(null);
    }, patienceMs);
    origin.waiting.push(take);
  });
}

function book(origin: Origin): number {
  const now = performance.now();
  const spacing = Math.max(shortestBookingMs, paceOf(origin) / shareOf(origin));
  const wanted = Math.max(origin.bookedUntil, now) + spacing;
  origin.bookedUntil = Math.min(wanted, now + longestBookingMs);
  return Math.ceil(origin.bookedUntil - now);
}
