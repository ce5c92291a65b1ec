import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { decodeCursor, encodeCursor } from '../database/cursor.js';
import { WebhookDeliveryRow } from '../database/entities/webhook-delivery.js';
import {
  checkPageSize,
  countRows,
  type Page,
  type PageRequest,
  type Total,
  toPage,
} from '../database/page.js';

const order = 'DELIVERIES';

/**
 * One page of an attachment's deliveries, the newest first. Knows of organizations only: whether the viewer may see the
 * attachment is the caller's to find out. Throws BAD_USER_INPUT for a bad cursor or page size.
 */
export async function listDeliveries(
  manager: EntityManager,
  { organizationId }: Viewer,
  attachmentId: string,
  { first, after }: PageRequest,
): Promise<Page<WebhookDeliveryRow>> {
  checkPageSize(first);
  const query = manager
    .createQueryBuilder(WebhookDeliveryRow, 'd')
    .where('d.attachment_id = :attachmentId AND d.organization_id = :organizationId', {
      attachmentId,
      organizationId,
    });
  if (after !== null) {
    const { value, id } = decodeCursor(order, after);
    query.andWhere('(d.created_at, d.id) < (:value, :id)', { value, id });
  }
  const found = await query
    .orderBy('d.createdAt', 'DESC')
    .addOrderBy('d.id', 'DESC')
    .limit(first + 1)
    .getMany();
  return toPage({ first, after }, found, ({ id, createdAt }) =>
    encodeCursor(order, { value: createdAt.getTime(), id }),
  );
}

export function countDeliveries(
  manager: EntityManager,
  { organizationId }: Viewer,
  attachmentId: string,
): Promise<Total> {
  return countRows(
    manager,
    manager.createQueryBuilder(WebhookDeliveryRow, 'd').where({ attachmentId, organizationId }),
  );
}

/** Null where the viewer's organization has none of this id. */
export function findDelivery(
  manager: EntityManager,
  { organizationId }: Viewer,
  id: string,
): Promise<WebhookDeliveryRow | null> {
  return manager.findOneBy(WebhookDeliveryRow, { id, organizationId });
}
