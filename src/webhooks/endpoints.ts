import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from 'typeorm';
import { type AuditEvent, recordEvent } from '../audit/audit-events.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { OrganizationRow } from '../database/entities/organization.js';
import {
  WebhookDeliveryRow,
  WebhookEndpointRow,
  type WebhookEventName,
} from '../database/entities/webhook.js';
import { insertRow } from '../database/insert-row.js';
import { lockRows } from '../database/row-locks.js';
import { Faults, fault } from '../errors.js';
import type { Jobs } from '../jobs/jobs.js';
import { notFound } from '../model/stored-attachment.js';
import { newId } from '../new-id.js';
import { type CheckWebhooksDependencies, checkEndpoint } from './check-webhooks.js';
import { deliveryJob, giveUpQueue, lockEndpoint } from './endpoint-queue.js';
import { makeWebhookSecret } from './sign-webhook.js';
import { composePing, toDelivery } from './tell-endpoints.js';

export interface EndpointsDependencies extends CheckWebhooksDependencies {
  database: Database;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: () => Date;
}

/** Endpoints of one organization. */
export const maxEndpoints = 20;

const hourMs = 3_600_000;
export const maxOverlapHours = 168;
/** Secrets of an endpoint that sign at once. */
const maxSecrets = 4;

export interface CreateWebhookEndpoint {
  uri: string;
  events: readonly WebhookEventName[];
  description: string | null;
}

/** An endpoint, and the secret that nobody can read again. */
export interface EndpointWithSecret {
  endpoint: WebhookEndpointRow;
  secret: string;
}

/**
 * Makes a receiver of the viewer's organization, with a secret of its own. It is told of events from then on. Throws BAD_USER_INPUT,
 * also beyond 20 endpoints, and WEBHOOK_URI_NOT_ALLOWED.
 *
 * @example
 * await createWebhookEndpoint(deps, viewer, { uri, events: ['ATTACHMENT_CREATED'], description: null });
 */
export async function createWebhookEndpoint(
  deps: EndpointsDependencies,
  viewer: Viewer,
  input: CreateWebhookEndpoint,
): Promise<EndpointWithSecret> {
  await checkEndpoint(deps, viewer, input);
  const { organizationId } = viewer;
  const now = deps.clock();
  const secret = makeWebhookSecret();
  const endpoint = Object.assign(new WebhookEndpointRow(), {
    ...{ id: newId(), organizationId, ...toColumns(input), description: input.description },
    ...{ secrets: [{ secret, until: null }], state: 'ENABLED' as const },
    ...{ failingSince: null, pausedAt: null, pauseReason: null },
    ...{ createdById: viewer.principal.id, createdAt: now, updatedAt: now },
  });
  await deps.database.write(async (manager) => {
    // Others who make one at the same time wait here, and count this one.
    await lockRows(manager, OrganizationRow, [organizationId], 'UPDATE');
    if ((await manager.countBy(WebhookEndpointRow, { organizationId })) >= maxEndpoints) throw tooMany();
    await insertRow(manager, WebhookEndpointRow, endpoint);
    await record(manager, viewer, endpoint, 'CREATED', now, toColumns(input));
  });
  return { endpoint, secret };
}

function tooMany() {
  const msg = `An organization has at most ${maxEndpoints} endpoints.`;
  return fault('too_many', ['input'], msg, { code: 'BAD_USER_INPUT', limit: maxEndpoints });
}

const toColumns = ({ uri, events }: Pick<CreateWebhookEndpoint, 'uri' | 'events'>) => ({
  uri: new URL(uri).href,
  events: [...new Set(events)],
});

/** Members that are left out stay as they are. */
export interface UpdateWebhookEndpoint {
  id: string;
  uri?: string | undefined;
  events?: readonly WebhookEventName[] | undefined;
  description?: string | null | undefined;
}

/** Changes an endpoint, unless it is so already. Deliveries that wait go to the new address. Throws NOT_FOUND, BAD_USER_INPUT, WEBHOOK_URI_NOT_ALLOWED. */
export async function updateWebhookEndpoint(
  deps: EndpointsDependencies,
  viewer: Viewer,
  { id, ...input }: UpdateWebhookEndpoint,
): Promise<WebhookEndpointRow> {
  await checkEndpoint(deps, viewer, input);
  return change(deps, viewer, id, async (manager, endpoint, now) => {
    const { uri = endpoint.uri, events = endpoint.events, description = endpoint.description } = input;
    const changed = { ...toColumns({ uri, events }), description };
    const unordered = (row: WebhookEndpointRow) => ({ ...row, events: new Set(row.events) });
    if (isDeepStrictEqual(unordered({ ...endpoint, ...changed }), unordered(endpoint))) return null;
    await record(manager, viewer, endpoint, 'UPDATED', now, { uri: changed.uri, events: changed.events });
    return changed;
  });
}

/**
 * Gives an endpoint a new secret. The ones before it sign too for `overlapHours`, so that the receiver can change over; 0 ends
 * them at once. Throws NOT_FOUND, BAD_USER_INPUT.
 */
export async function rotateWebhookEndpointSecret(
  deps: EndpointsDependencies,
  viewer: Viewer,
  { id, overlapHours }: { id: string; overlapHours: number },
): Promise<EndpointWithSecret> {
  const faults = new Faults();
  if (overlapHours < 0 || overlapHours > maxOverlapHours) {
    const msg = `Must be from 0 to ${maxOverlapHours}.`;
    faults.add('out_of_range', ['input', 'overlapHours'], msg, { limit: maxOverlapHours });
  }
  faults.throwIfAny();
  const secret = makeWebhookSecret();
  const endpoint = await change(deps, viewer, id, async (manager, { secrets, ...rest }, now) => {
    const end = now.getTime() + overlapHours * hourMs;
    const earlier = secrets
      .map((one) => ({ secret: one.secret, until: Math.min(one.until ?? end, end) }))
      .filter(({ until }) => until > now.getTime())
      .slice(0, maxSecrets - 1);
    await record(manager, viewer, rest, 'SECRET_ROTATED', now, { overlapHours });
    return { secrets: [{ secret, until: null }, ...earlier] };
  });
  return { endpoint, secret };
}

/** The secrets that sign at this moment. */
export const secretsAt = ({ secrets }: Pick<WebhookEndpointRow, 'secrets'>, now: Date): string[] =>
  secrets.filter(({ until }) => until === null || until > now.getTime()).map(({ secret }) => secret);

/** Has a paused endpoint told of events again, from now on. One that is not paused stays as it is. Throws NOT_FOUND. */
export function enableWebhookEndpoint(
  deps: EndpointsDependencies,
  viewer: Viewer,
  id: string,
): Promise<WebhookEndpointRow> {
  return change(deps, viewer, id, async (manager, endpoint, now) => {
    if (endpoint.state === 'ENABLED') return null;
    await record(manager, viewer, endpoint, 'ENABLED', now, { pausedAt: endpoint.pausedAt });
    return { state: 'ENABLED', failingSince: null, pausedAt: null, pauseReason: null };
  });
}

/**
 * Deletes an endpoint. No attempt begins any more once this is answered; deliveries that waited have failed, and are kept for a
 * while as all are. Throws NOT_FOUND.
 */
export async function deleteWebhookEndpoint(
  { database, clock }: EndpointsDependencies,
  viewer: Viewer,
  id: string,
): Promise<void> {
  const key = { id, organizationId: viewer.organizationId };
  await database.write(async (manager) => {
    const endpoint = await lock(manager, viewer, id);
    await manager.delete(WebhookEndpointRow, key);
    await record(manager, viewer, endpoint, 'DELETED', clock(), { uri: endpoint.uri });
  });
  await giveUpQueue(database, key, 'The endpoint was deleted.');
}

/** Sends an endpoint a webhook of type `ping`, also if it is paused, and returns its delivery. Throws NOT_FOUND. */
export function testWebhookEndpoint(
  { database, jobs, clock }: EndpointsDependencies,
  viewer: Viewer,
  id: string,
): Promise<WebhookDeliveryRow> {
  return database.write(async (manager) => {
    const endpoint = await lock(manager, viewer, id);
    const now = clock();
    const waiting = { attachmentId: '', createdAt: now.getTime() };
    const ping = { endpoint, event: 'PING', body: composePing(id, now), waiting } as const;
    const delivery = toDelivery(ping, { id: newId(), isFirst: true, now });
    await insertRow(manager, WebhookDeliveryRow, delivery);
    await jobs.enqueue(manager, deliveryJob(delivery, now));
    return delivery;
  });
}

async function lock(
  manager: EntityManager,
  { organizationId }: Viewer,
  id: string,
): Promise<WebhookEndpointRow> {
  const endpoint = await lockEndpoint(manager, { organizationId, endpointId: id });
  if (!endpoint) throw notFound(['input', 'id']);
  return endpoint;
}

/** Changes what `plan` says of a locked endpoint; null: nothing. */
function change(
  { database, clock }: EndpointsDependencies,
  viewer: Viewer,
  id: string,
  plan: (
    manager: EntityManager,
    endpoint: WebhookEndpointRow,
    now: Date,
  ) => Promise<Partial<WebhookEndpointRow> | null>,
): Promise<WebhookEndpointRow> {
  return database.write(async (manager) => {
    const endpoint = await lock(manager, viewer, id);
    const now = clock();
    const planned = await plan(manager, endpoint, now);
    if (!planned) return endpoint;
    const changed = { ...planned, updatedAt: now };
    await manager.update(WebhookEndpointRow, { id, organizationId: viewer.organizationId }, changed);
    return Object.assign(endpoint, changed);
  });
}

async function record(
  manager: EntityManager,
  viewer: Viewer,
  { id: subjectId }: Pick<WebhookEndpointRow, 'id'>,
  verb: 'CREATED' | 'UPDATED' | 'SECRET_ROTATED' | 'ENABLED' | 'DELETED',
  at: Date,
  details: AuditEvent['details'] & object,
): Promise<void> {
  await recordEvent(manager, viewer, { action: `WEBHOOK_ENDPOINT_${verb}`, subjectId, at, details });
}
