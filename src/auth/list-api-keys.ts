import { type EntityManager, LessThan } from 'typeorm';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { countRows, type Total } from '../database/page.js';

/** Up to `limit` of an organization's keys, revoked and expired ones too, newest first; those after the key `afterId`. */
export function listApiKeys(
  read: EntityManager,
  organizationId: string,
  { limit, afterId }: { limit: number; afterId: string | null },
): Promise<ApiKeyRow[]> {
  return read.find(ApiKeyRow, {
    where: { organizationId, ...(afterId === null ? {} : { id: LessThan(afterId) }) },
    order: { id: 'DESC' },
    take: limit,
  });
}

export function countApiKeys(read: EntityManager, organizationId: string): Promise<Total> {
  return countRows(read, read.createQueryBuilder(ApiKeyRow, 'key').where({ organizationId }));
}

/** Null where the organization has no such key. */
export function findApiKey(
  read: EntityManager,
  organizationId: string,
  id: string,
): Promise<ApiKeyRow | null> {
  return read.findOneBy(ApiKeyRow, { organizationId, id });
}
