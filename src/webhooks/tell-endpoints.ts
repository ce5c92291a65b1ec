import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import {
  WebhookDeliveryRow,
  WebhookEndpointRow,
  type WebhookEventName,
  webhookEvents,
} from '../database/entities/webhook.js';
import { insertRows } from '../database/insert-row.js';
import { Parameters, readRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { hasEvents, takeEvents, type WaitingEvent } from '../database/webhook-events.js';
import type { Jobs } from '../jobs/jobs.js';
import { idAt } from '../new-id.js';
import { deliveryJob } from './endpoint-queue.js';

export interface TellEndpointsDependencies {
  database: Pick<Database, 'read' | 'writeInBackground'>;
  jobs: Pick<Jobs, 'enqueue'>;
  clock: () => Date;
}

/**
 * Makes deliveries of the events that wait, for every endpoint that listens to them. Any number of processes may do so at once:
 * each event is told once, and those of an attachment in their order.
 */
export async function tellEndpoints(
  { database, jobs, clock }: TellEndpointsDependencies,
  signal?: AbortSignal,
): Promise<void> {
  while (!signal?.aborted && (await hasEvents(database.read)))
    await database.writeInBackground((manager) => tellSome(jobs, manager, clock()));
}

/** One event for one endpoint. */
interface Telling extends EndpointMessage {
  waiting: WaitingEvent;
  endpoint: WebhookEndpointRow;
}

async function tellSome(jobs: Pick<Jobs, 'enqueue'>, manager: EntityManager, now: Date): Promise<void> {
  const events = await takeEvents(manager);
  const endpoints = await lockEnabled(manager, [...new Set(events.map((each) => each.organizationId))]);
  const tellings = events.flatMap((waiting) =>
    composeMessages(waiting).flatMap((message) =>
      endpoints
        .filter((endpoint) => listensTo(endpoint, waiting, message))
        .map((endpoint) => ({ ...message, waiting, endpoint })),
    ),
  );
  if (tellings.length === 0) return;
  const queues = await readQueues(manager, tellings);
  const rows = tellings.map((telling) => {
    const key = keyOf(telling.endpoint.id, telling.waiting.attachmentId);
    const last = queues.get(key);
    const row = toDelivery(telling, { id: idAfter(last, now), isFirst: last === undefined, now });
    queues.set(key, row.id);
    return row;
  });
  await insertRows(manager, WebhookDeliveryRow, rows);
  for (const row of rows) if (row.nextAttemptAt) await jobs.enqueue(manager, deliveryJob(row, now));
}

/** Locked, so that no delivery of theirs ends meanwhile: it would not see what is queued behind it. Later ones hear of later events. */
async function lockEnabled(
  manager: EntityManager,
  organizationIds: readonly string[],
): Promise<WebhookEndpointRow[]> {
  const isEnabled = (sql: Parameters) =>
    `${sql.isOneOf('organization_id', organizationIds)} AND state = 'ENABLED' ORDER BY id`;
  const ids = (await readRows(manager, WebhookEndpointRow, isEnabled)).map(({ id }) => id);
  await lockRows(manager, WebhookEndpointRow, ids, 'UPDATE');
  return readRows(manager, WebhookEndpointRow, (sql) => `${sql.isOneOf('id', ids)} AND ${isEnabled(sql)}`);
}

function listensTo(
  { organizationId, events, createdAt }: WebhookEndpointRow,
  waiting: WaitingEvent,
  { event }: EndpointMessage,
): boolean {
  const isOwn = organizationId === waiting.organizationId;
  return isOwn && events.includes(event) && waiting.createdAt >= createdAt.getTime();
}

const keyOf = (endpointId: string, attachmentId: string) => `${endpointId} ${attachmentId}`;

/** The last delivery that is queued for each attachment at each endpoint, by `keyOf`. */
async function readQueues(
  manager: EntityManager,
  tellings: readonly Telling[],
): Promise<Map<string, string>> {
  const sql = new Parameters(manager);
  const names = tellings.map(({ waiting, endpoint }) => [
    waiting.organizationId,
    endpoint.id,
    waiting.attachmentId,
  ]);
  const isOfThese = sql.areOneOf(['organization_id', 'endpoint_id', 'attachment_id'], names);
  const rows = await manager.query<{ endpoint_id: string; attachment_id: string; last: string }[]>(
    `SELECT endpoint_id, attachment_id, MAX(id) AS last FROM webhook_deliveries
      WHERE ${isOfThese} AND state = 'QUEUED' AND endpoint_id IS NOT NULL GROUP BY endpoint_id, attachment_id`,
    sql.values,
  );
  return new Map(rows.map((row) => [keyOf(row.endpoint_id, row.attachment_id), row.last]));
}

let latest = { msecs: 0, seq: 0 };

/** A uuid of version 7 that is greater than `last`, whichever process has made that: the order of a queue is that of its ids. */
function idAfter(last: string | undefined, now: Date): string {
  const msecs = Math.max(now.getTime(), latest.msecs);
  latest = { msecs, seq: msecs === latest.msecs ? latest.seq + 1 : 0 };
  const id = idAt(msecs, latest);
  if (last === undefined || id > last) return id;
  latest = { msecs: Number.parseInt(last.replace('-', '').slice(0, 12), 16) + 1, seq: 0 };
  return idAt(latest.msecs, latest);
}

type Told = Pick<WaitingEvent, 'attachmentId' | 'createdAt'>;

interface Place {
  id: string;
  /** Nothing is queued before it. */
  isFirst: boolean;
  now: Date;
}

/** The row of a delivery that nobody has inserted yet. */
export function toDelivery(
  { endpoint, event, body, waiting }: Omit<Telling, 'waiting'> & { waiting: Told },
  { id, isFirst, now }: Place,
): WebhookDeliveryRow {
  return {
    id,
    organizationId: endpoint.organizationId,
    attachmentId: waiting.attachmentId,
    subscriptionId: endpoint.id,
    endpointId: endpoint.id,
    uri: endpoint.uri,
    interaction: event,
    state: 'QUEUED',
    attempts: 0,
    attemptsBefore: 0,
    lastStatusCode: null,
    lastError: null,
    nextAttemptAt: isFirst ? now : null,
    body,
    createdAt: new Date(waiting.createdAt),
    deliveredAt: null,
  };
}

/** Told in every body. It grows when a member changes its meaning or goes; new members come without that. */
const schemaVersion = 1;

/** One event as endpoints are told of it. */
export interface EndpointMessage {
  event: WebhookEventName;
  /** JSON, exactly as it is sent. */
  body: string;
}

/** As the trigger on the audit log composes it. */
interface ToldEvent {
  principalId: string | null;
  details: Readonly<Record<string, unknown>> | null;
  /** Null if there was none any more. */
  attachment: Snapshot | null;
}

interface Snapshot {
  fileName: string;
  contentType: string;
  size: number;
  version: number;
  recordType: string | null;
  recordId: string | null;
  createdById: string;
  createdAt: number;
  md5: string;
  sha256: string;
  status: string;
  reason: string | null;
  message: string | null;
  signature: string | null;
}

/** Members of the audit event's details that are told. What is not listed stays inside. */
const toldDetails = [
  ...['record', 'field', 'because', 'from', 'to', 'copyOf', 'deletedAt', 'restorableUntil'],
  ...['version', 'sha256', 'damage'],
];

/**
 * The messages of an audit event: none if nobody is told of such, two if it brings content that has its verdict already.
 */
function composeMessages(waiting: WaitingEvent): EndpointMessage[] {
  const told = JSON.parse(waiting.event) as ToldEvent;
  return namesOf(waiting.action, told).map((event) => ({ event, body: composeBody(event, waiting, told) }));
}

function namesOf(action: string, { details, attachment }: ToldEvent): WebhookEventName[] {
  if (action === 'ATTACHMENT_RELEASED') return ['ATTACHMENT_APPROVED'];
  const name = webhookEvents.find((known) => known === action);
  if (name === undefined) return [];
  const brings = name === 'ATTACHMENT_CREATED' || name === 'ATTACHMENT_REPLACED';
  if (!brings || !attachment) return [name];
  const isCurrent = name === 'ATTACHMENT_CREATED' || details?.['version'] === attachment.version;
  if (!isCurrent) return [name];
  if (attachment.status === 'APPROVED') return [name, 'ATTACHMENT_APPROVED'];
  return attachment.status === 'REJECTED' ? [name, 'ATTACHMENT_REJECTED'] : [name];
}

function composeBody(event: WebhookEventName, waiting: WaitingEvent, told: ToldEvent): string {
  const details = Object.entries(told.details ?? {}).filter(([name]) => toldDetails.includes(name));
  return toBody(event, waiting.createdAt, {
    attachment: toAttachment(waiting, told.attachment),
    rejection: event === 'ATTACHMENT_REJECTED' ? toRejection(told) : null,
    principal: told.principalId === null ? null : { id: told.principalId },
    details: Object.fromEntries(details),
  });
}

/** The body of a test, which is about no attachment. */
export const composePing = (endpointId: string, now: Date): string =>
  toBody('PING', now.getTime(), { endpoint: { id: endpointId } });

function toBody(event: WebhookEventName, instant: number, data: object): string {
  const timestamp = new Date(instant).toISOString();
  return JSON.stringify({ type: event.toLowerCase(), timestamp, schemaVersion, data });
}

/** Named one by one, so that nothing leaves with them by accident. */
function toAttachment({ attachmentId: id, organizationId }: WaitingEvent, snapshot: Snapshot | null): object {
  if (!snapshot) return { id, organizationId };
  const { fileName, contentType, size, md5, sha256, status, version, recordType, recordId } = snapshot;
  const record = recordId === null ? null : { type: recordType, id: recordId };
  const createdBy = { id: snapshot.createdById };
  const createdAt = new Date(snapshot.createdAt).toISOString();
  const content = { fileName, contentType, size, md5, sha256, status, version };
  return { id, organizationId, ...content, record, createdBy, createdAt };
}

/** Rejected new content leaves the attachment as it is: then only the event says why. */
function toRejection({ details, attachment }: ToldEvent): object {
  const { reason, message, signature } = (details?.['reason'] === undefined ? attachment : details) ?? {};
  return { reason: reason ?? null, message: message ?? null, signature: signature ?? null };
}
