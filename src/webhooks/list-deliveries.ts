import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { WebhookDeliveryRow, type WebhookDeliveryState } from '../database/entities/webhook-delivery.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { type Parameters, readRows } from '../database/read-rows.js';
import { In } from '../database/typeorm.js';

const order = 'DELIVERIES';

/** Every condition must hold. */
export interface DeliveryFilter {
  attachmentId: string;
  /** Any of these; null: all. */
  states: readonly WebhookDeliveryState[] | null;
}

/**
 * One page of an attachment's deliveries, the newest first. Knows of organizations only: whether the viewer may see the
 * attachment is the caller's to find out. Throws BAD_USER_INPUT for a bad cursor.
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
  { attachmentId, states }: DeliveryFilter,
): SelectQueryBuilder<WebhookDeliveryRow> {
  const isAny = states ? { state: In([...states]) } : {};
  return manager
    .createQueryBuilder(WebhookDeliveryRow, 'd')
    .where({ attachmentId, organizationId, ...isAny });
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
