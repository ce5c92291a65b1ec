import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { Database } from '../database/database.js';
import { AuditEventRow } from '../database/entities/organization.js';
import { insertRow, insertRows } from '../database/insert-row.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { purgeRows } from '../database/purge-rows.js';
import { LessThan } from '../database/typeorm.js';
import { idAt } from '../new-id.js';

/** Who did it. A viewer is one; a principal of null is nobody in particular. */
export interface Actor {
  organizationId: string;
  principal: { id: string } | null;
}

export interface AuditEvent {
  action: AuditAction;
  /** The attachment's id, the API key's, the webhook endpoint's, or the pseudonym of an erased principal. */
  subjectId: string;
  at: Date;
  details?: object | null;
  /** Only the first of the events with the same key is recorded. */
  onceKey?: string;
}

/** Records what is done in the same transaction, so that neither is there without the other. */
export async function recordEvent(manager: EntityManager, actor: Actor, event: AuditEvent): Promise<void> {
  const { onceKey } = event;
  await insertRow(manager, AuditEventRow, eventRow(actor, event), { orIgnore: onceKey !== undefined });
}

/** Records many events in the transaction of their causes. Either all of them have a `onceKey` or none. */
export async function recordEvents(
  manager: EntityManager,
  events: readonly (readonly [Actor, AuditEvent])[],
): Promise<void> {
  const rows = events.map(([actor, event]) => eventRow(actor, event));
  const orIgnore = rows.some(({ onceKey }) => onceKey !== null);
  await insertRows(manager, AuditEventRow, rows, { orIgnore });
}

let count = 0;

/** A uuid of version 7 that begins with the instant. Those of one process and one millisecond are in order, whatever comes between. */
function eventId(msecs: number): string {
  count = (count + 1) >>> 0;
  return idAt(msecs, { seq: count });
}

/** The row of an event that nobody has recorded yet. */
export function eventRow(
  { organizationId, principal }: Actor,
  { action, subjectId, at, details = null, onceKey }: AuditEvent,
): AuditEventRow {
  return {
    id: eventId(at.getTime()),
    organizationId,
    principalId: principal?.id ?? null,
    action,
    subjectId,
    details,
    onceKey: onceKey ?? null,
    createdAt: at,
  };
}

/** The last one that 48 bits can say; years later than 10,000. */
const maxInstant = 2 ** 48 - 1;

/** The least id that an event of this instant (milliseconds since 1970) can have: a uuid of version 7 begins with it. */
export function firstIdOf(instant: number): string {
  const hex = Math.min(Math.max(0, instant), maxInstant).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** Actions that are recorded. */
export const auditActions = [
  'ATTACHMENT_CREATED',
  'ATTACHMENT_APPROVED',
  'ATTACHMENT_REJECTED',
  'ATTACHMENT_CLAIMED',
  'ATTACHMENT_LINKED',
  'ATTACHMENT_UNLINKED',
  'ATTACHMENT_UPDATED',
  'ATTACHMENT_DOWNLOADED',
  'ATTACHMENT_RESCANNED',
  'ATTACHMENT_RELEASED',
  'ATTACHMENT_TRANSFERRED',
  'ATTACHMENT_DAMAGED',
  'ATTACHMENT_DELETED',
  'ATTACHMENT_PURGED',
  'ATTACHMENT_RESTORED',
  'ATTACHMENT_REPLACED',
  'ATTACHMENT_REPAIRED',
  'SHARE_LINK_CREATED',
  'SHARE_LINK_REVOKED',
  'API_KEY_CREATED',
  'API_KEY_REVOKED',
  'PRINCIPAL_ERASED',
  'UPLOADS_DELETED',
  'WEBHOOK_ENDPOINT_CREATED',
  'WEBHOOK_ENDPOINT_UPDATED',
  'WEBHOOK_ENDPOINT_SECRET_ROTATED',
  'WEBHOOK_ENDPOINT_PAUSED',
  'WEBHOOK_ENDPOINT_ENABLED',
  'WEBHOOK_ENDPOINT_DELETED',
] as const;

export type AuditAction = (typeof auditActions)[number];

/** For `where`: the events that are older than the retention, in milliseconds; null where that is 0, which is for good. */
export function outlivedAt(now: Date, retentionMs: number) {
  return retentionMs === 0 ? null : { id: LessThan(firstIdOf(now.getTime() - retentionMs)) };
}

/** Removes events that are older than the retention, in milliseconds; 0 keeps them for good. */
export async function purgeEvents(database: Database, now: Date, retentionMs: number): Promise<void> {
  if (retentionMs === 0) return;
  await purgeRows(database, AuditEventRow, 'id', firstIdOf(now.getTime() - retentionMs));
}

/** Every condition that is given must hold. */
export interface AuditFilter {
  action?: readonly AuditAction[] | null | undefined;
  attachmentId?: string | null | undefined;
  principalId?: string | null | undefined;
  /** Later than this. */
  after?: Date | null | undefined;
  before?: Date | null | undefined;
}

/** Also an empty text: nothing has it as its id. */
const isGiven = (id: string | null | undefined): id is string => typeof id === 'string';

const order = 'AUDIT_LOG';
/** The instant of an event is the beginning of its id. Those of one attachment are indexed by the instant alone, which is shorter. */
const columnsOf = ({ attachmentId }: AuditFilter): [string, string][] =>
  isGiven(attachmentId)
    ? [
        ['e.createdAt', 'e.created_at'],
        ['e.id', 'e.id'],
      ]
    : [['e.id', 'e.id']];

/** One page of an organization's events, the newest first. Throws BAD_USER_INPUT for a bad cursor. */
export async function listEvents(
  read: EntityManager,
  organizationId: string,
  filter: AuditFilter,
  request: PageRequest,
): Promise<Page<AuditEventRow>> {
  const positionOf = ({ id, createdAt }: AuditEventRow) => ({ value: createdAt.getTime(), id });
  return readPage(request, { order, positionOf }, (stretch) =>
    findNewestFirst(read, AuditEventRow, select(read, organizationId, filter), {
      columns: columnsOf(filter),
      stretch,
    }),
  );
}

export function countEvents(
  read: EntityManager,
  organizationId: string,
  filter: AuditFilter,
): Promise<Total> {
  return countRows(read, select(read, organizationId, filter));
}

function select(
  read: EntityManager,
  organizationId: string,
  { action, attachmentId, principalId, after, before }: AuditFilter,
): SelectQueryBuilder<AuditEventRow> {
  const query = read
    .createQueryBuilder(AuditEventRow, 'e')
    .where('e.organization_id = :organizationId', { organizationId });
  if (action) query.andWhere('e.action IN (:...action)', { action: action.length > 0 ? action : [''] });
  if (isGiven(attachmentId)) query.andWhere('e.subject_id = :attachmentId', { attachmentId });
  if (isGiven(principalId)) query.andWhere('e.principal_id = :principalId', { principalId });
  // Both ways, for either index.
  if (after) {
    query.andWhere('e.id >= :afterInstant', { afterInstant: firstIdOf(after.getTime() + 1) });
    query.andWhere('e.created_at > :afterMs', { afterMs: after.getTime() });
  }
  if (before) {
    query.andWhere('e.id < :beforeInstant', { beforeInstant: firstIdOf(before.getTime()) });
    query.andWhere('e.created_at < :beforeMs', { beforeMs: before.getTime() });
  }
  return query;
}
