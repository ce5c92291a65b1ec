import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import {
  WebhookDeliveryRow,
  type WebhookDeliveryState,
  WebhookEndpointRow,
  type WebhookEventName,
} from '../database/entities/webhook.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { type Parameters, readRows } from '../database/read-rows.js';
import { In, IsNull } from '../database/typeorm.js';

const order = 'DELIVERIES';

/** Every condition must hold. */
export interface DeliveryFilter {
  /** Null: of every attachment, and tests. */
  attachmentId: string | null;
  /** Any of these; null: all. */
  states: readonly WebhookDeliveryState[] | null;
  endpointId?: string | null;
  events?: readonly WebhookEventName[] | null;
  /** Events later than this. */
  after?: Date | null;
  before?: Date | null;
  /** Leaves those of endpoints out. */
  isSubscribed?: boolean;
}

/** Whether an upload has named the receiver. The others go to endpoints. */
export const isSubscribed = ({ endpointId }: WebhookDeliveryRow): boolean => endpointId === null;

/**
 * One page of deliveries, the newest first. Knows of organizations only: whether the viewer may see the attachment, or the
 * endpoints, is the caller's to find out. Throws BAD_USER_INPUT for a bad cursor.
 */
export async function listDeliveries(
  manager: EntityManager,
  { organizationId }: Viewer,
  filter: DeliveryFilter,
  request: PageRequest,
): Promise<Page<WebhookDeliveryRow>> {
  const positionOf = ({ id, createdAt }: WebhookDeliveryRow) => ({ value: createdAt.getTime(), id });
  return readPage(request, { order, positionOf }, (stretch) =>
    findNewestFirst(manager, WebhookDeliveryRow, select(manager, organizationId, filter), {
      columns: [
        ['d.createdAt', 'd.created_at'],
        ['d.id', 'd.id'],
      ],
      stretch,
    }),
  );
}

export function countDeliveries(
  manager: EntityManager,
  { organizationId }: Viewer,
  filter: DeliveryFilter,
): Promise<Total> {
  return countRows(manager, select(manager, organizationId, filter));
}

function select(
  manager: EntityManager,
  organizationId: string,
  { attachmentId, states, endpointId, events, after, before, isSubscribed }: DeliveryFilter,
): SelectQueryBuilder<WebhookDeliveryRow> {
  const query = manager.createQueryBuilder(WebhookDeliveryRow, 'd').where({
    organizationId,
    ...(attachmentId === null ? {} : { attachmentId }),
    ...(states ? { state: In([...states]) } : {}),
    ...(typeof endpointId === 'string' ? { endpointId } : {}),
    ...(events ? { interaction: In([...events]) } : {}),
    ...(isSubscribed ? { endpointId: IsNull() } : {}),
  });
  if (after) query.andWhere('d.created_at > :laterThan', { laterThan: after.getTime() });
  if (before) query.andWhere('d.created_at < :earlierThan', { earlierThan: before.getTime() });
  return query;
}

/** The deliveries of the viewer's organization among these, in no order. */
export async function readDeliveriesOf(
  manager: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<WebhookDeliveryRow[]> {
  if (ids.length === 0) return [];
  const isOwn = (sql: Parameters) => `organization_id = ${sql.add(organizationId)}`;
  return readRows(manager, WebhookDeliveryRow, (sql) => `${isOwn(sql)} AND ${sql.isOneOf('id', ids)}`);
}

/** Null where the viewer's organization has none of this id. */
export function findDelivery(
  manager: EntityManager,
  { organizationId }: Viewer,
  id: string,
): Promise<WebhookDeliveryRow | null> {
  return manager.findOneBy(WebhookDeliveryRow, { id, organizationId });
}

const endpointOrder = 'WEBHOOK_ENDPOINTS';

const selectEndpoints = (read: EntityManager, { organizationId }: Viewer) =>
  read.createQueryBuilder(WebhookEndpointRow, 'e').where({ organizationId });

/** One page of the endpoints of the viewer's organization, the newest first. Throws BAD_USER_INPUT for a bad cursor. */
export function listEndpoints(
  read: EntityManager,
  viewer: Viewer,
  request: PageRequest,
): Promise<Page<WebhookEndpointRow>> {
  return readPage(request, { order: endpointOrder, positionOf: ({ id }) => ({ value: 0, id }) }, (stretch) =>
    findNewestFirst(read, WebhookEndpointRow, selectEndpoints(read, viewer), {
      columns: [['e.id', 'e.id']],
      stretch,
    }),
  );
}

export function countEndpoints(read: EntityManager, viewer: Viewer): Promise<Total> {
  return countRows(read, selectEndpoints(read, viewer));
}

/** The endpoints of the viewer's organization among these, in no order. */
export async function readEndpoints(
  read: EntityManager,
  { organizationId }: Viewer,
  ids: readonly string[],
): Promise<WebhookEndpointRow[]> {
  if (ids.length === 0) return [];
  return read.findBy(WebhookEndpointRow, { organizationId, id: In([...ids]) });
}
