import type { Database } from '../database/database.js';
import type { ApiKeyRow } from '../database/entities/api-key.js';
import { generateApiKey, storeApiKey } from './api-keys.js';
import { checkNewApiKey, type NewApiKey } from './check-new-api-key.js';
import type { Viewer } from './viewer.js';

/** A stored key, and the key itself, which nobody can read again. */
export interface CreatedApiKey {
  row: ApiKeyRow;
  key: string;
}

/**
 * Makes a key of the viewer's organization. Throws BAD_USER_INPUT for an unknown permission, a bad name or a past
 * expiry, FORBIDDEN for a permission that the viewer does not have.
 */
export async function createApiKey(
  { database, clock }: { database: Database; clock: () => Date },
  { organizationId, principal, permissions: givable }: Viewer,
  input: NewApiKey,
): Promise<CreatedApiKey> {
  const createdAt = clock();
  checkNewApiKey(input, givable, createdAt);
  const key = generateApiKey();
  const permissions = [...new Set(input.permissions)];
  const toStore = { ...input, permissions, key, organizationId, createdBy: principal, createdAt };
  const row = await database.write((manager) => storeApiKey(manager, toStore));
  return { row, key };
}
