import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { WebhookEndpointRow } from '../database/entities/webhook-endpoint.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { In } from '../database/typeorm.js';

const order = 'WEBHOOK_ENDPOINTS';

const select = (read: EntityManager, { organizationId }: Viewer) =>
  read.createQueryBuilder(WebhookEndpointRow, 'e').where({ organizationId });

/** One page of the endpoints of the viewer's organization, the newest first. Throws BAD_USER_INPUT for a bad cursor. */
export function listEndpoints(
  read: EntityManager,
  viewer: Viewer,
  request: PageRequest,
): Promise<Page<WebhookEndpointRow>> {
  return readPage(request, { order, positionOf: ({ id }) => ({ value: 0, id }) }, (stretch) =>
    findNewestFirst(read, WebhookEndpointRow, select(read, viewer), { columns: [['e.id', 'e.id']], stretch }),
  );
}

export function countEndpoints(read: EntityManager, viewer: Viewer): Promise<Total> {
  return countRows(read, select(read, viewer));
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
