import { IsNull } from 'typeorm';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { AttachmentError, errorTable } from '../errors.js';

/**
 * Ends a key, within a second also in other processes. One that was revoked before keeps the instant of that. Throws
 * NOT_FOUND where the organization (null: any) has no such key.
 */
export async function revokeApiKey(
  { database, clock }: { database: Database; clock: () => Date },
  organizationId: string | null,
  id: string,
): Promise<ApiKeyRow> {
  const key = organizationId === null ? { id } : { organizationId, id };
  const revokedAt = clock();
  const row = await database.write(async (manager) => {
    await manager.update(ApiKeyRow, { ...key, revokedAt: IsNull() }, { revokedAt });
    return manager.findOneBy(ApiKeyRow, key);
  });
  if (row) return row;
  throw new AttachmentError('NOT_FOUND', {
    details: [{ loc: ['input', 'id'], msg: errorTable.NOT_FOUND.message, type: 'not_found' }],
  });
}
