import { type WebhookEventName, webhookEvents } from '../database/entities/webhook-endpoint.js';
import type { WaitingEvent } from '../database/webhook-events.js';

/** Told in every body. It grows when a member changes its meaning or goes; new members come without that. */
const schemaVersion = 1;

/** One event as endpoints are told of it. */
export interface EndpointMessage {
  event: WebhookEventName;
  /** JSON, exactly as it is sent. */
  body: string;
}

/** As the trigger on the audit log composes it. */
interface Told {
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
export function composeMessages(waiting: WaitingEvent): EndpointMessage[] {
  const told = JSON.parse(waiting.event) as Told;
  return namesOf(waiting.action, told).map((event) => ({ event, body: composeBody(event, waiting, told) }));
}

function namesOf(action: string, { details, attachment }: Told): WebhookEventName[] {
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

function composeBody(event: WebhookEventName, waiting: WaitingEvent, told: Told): string {
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
function toRejection({ details, attachment }: Told): object {
  const { reason, message, signature } = (details?.['reason'] === undefined ? attachment : details) ?? {};
  return { reason: reason ?? null, message: message ?? null, signature: signature ?? null };
}
