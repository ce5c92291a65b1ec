import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { AuditEventRow } from '../database/entities/audit-event.js';
import {
  countRows,
  findNewestFirst,
  type Page,
  type PageRequest,
  readPage,
  type Total,
} from '../database/page.js';
import { type AuditAction, firstIdOf } from './record-event.js';

/** Every condition that is given must hold. */
export interface AuditFilter {
  action?: readonly AuditAction[] | null | undefined;
  attachmentId?: string | null | undefined;
  principalId?: string | null | undefined;
  /** Later than this. */
  after?: Date | null | undefined;
  before?: Date | null | undefined;
}

const order = 'AUDIT_EVENTS';

/** One page of an organization's events, the newest first. Throws BAD_USER_INPUT for a bad cursor. */
export async function listEvents(
  read: EntityManager,
  organizationId: string,
  filter: AuditFilter,
  request: PageRequest,
): Promise<Page<AuditEventRow>> {
  return readPage(request, { order, positionOf: ({ id }) => ({ value: 0, id }) }, (stretch) =>
    findNewestFirst(read, AuditEventRow, select(read, organizationId, filter), {
      columns: [['e.id', 'e.id']],
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
  if (attachmentId) query.andWhere('e.subject_id = :attachmentId', { attachmentId });
  if (principalId) query.andWhere('e.principal_id = :principalId', { principalId });
  if (after) query.andWhere('e.id >= :afterInstant', { afterInstant: firstIdOf(after.getTime() + 1) });
  if (before) query.andWhere('e.id < :beforeInstant', { beforeInstant: firstIdOf(before.getTime()) });
  return query;
}
