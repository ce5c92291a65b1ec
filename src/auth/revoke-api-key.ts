import { IsNull } from 'typeorm';
import { recordEvent } from '../audit/record-event.js';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { AttachmentError, errorTable } from '../errors.js';
import type { Viewer } from './viewer.js';

interface RevocationDependencies {
  database: Database;
  clock: () => Date;
  /** Called after the commit. */
  onKeyRevoked?(keyId: string): void;
}

/**
 * Ends a key: at once for whoever hears `onKeyRevoked`, within a second in every process. One that was revoked before keeps the instant of that. Throws
 * NOT_FOUND where the viewer's organization (without a viewer: any) has no such key.
 */
export async function revokeApiKey(
  { database, clock, onKeyRevoked }: RevocationDependencies,
  viewer: Pick<Viewer, 'organizationId' | 'principal'> | null,
  id: string,
): Promise<ApiKeyRow> {
  const key = viewer === null ? { id } : { organizationId: viewer.organizationId, id };
  const revokedAt = clock();
  const row = await database.write(async (manager) => {
    const { affected } = await manager.update(ApiKeyRow, { ...key, revokedAt: IsNull() }, { revokedAt });
    const revoked = await manager.findOneBy(ApiKeyRow, key);
    if (revoked && affected === 1) {
      const actor = { organizationId: revoked.organizationId, principal: viewer?.principal ?? null };
      await recordEvent(manager, actor, { action: 'API_KEY_REVOKED', subjectId: id, at: revokedAt });
    }
    return revoked;
  });
  if (row) {
    onKeyRevoked?.(id);
    return row;
  }
  throw new AttachmentError('NOT_FOUND', {
    details: [{ loc: ['input', 'id'], msg: errorTable.NOT_FOUND.message, type: 'not_found' }],
  });
}
