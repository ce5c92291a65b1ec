import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { OrganizationRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { lockTable } from '../database/row-locks.js';
import { generateApiKey, hashApiKey, storeApiKey } from './api-keys.js';
import { permissions } from './viewer.js';

/** The state of the first key once a start has looked for it. */
export type FirstApiKey =
  /** This start has made it. Nobody can read it again. Null: it is the operator's, who knows it. */
  | { state: 'made'; key: string | null }
  /** The only key of the database has never been used, so perhaps nobody has it: a start may end before it shows its key. */
  | { state: 'unused'; id: string; madeAt: Date; isGivenRefused: boolean }
  /** The operator names a key that this database does not have: it has had others before. */
  | { state: 'not-taken' }
  | { state: 'known' };

/**
 * Makes the first organization and its key, with all permissions, if the database has no key yet. Of several processes that
 * start at once exactly one makes it.
 */
export async function createFirstApiKey(
  { database, clock }: { database: Database; clock: () => Date },
  given: string | null,
): Promise<FirstApiKey> {
  const key = given ?? generateApiKey();
  return database.write(async (manager) => {
    await lockTable(manager, ApiKeyRow);
    const [first, second] = await manager.find(ApiKeyRow, { order: { id: 'ASC' }, take: 2 });
    if (first) {
      const isKnown = given !== null && (await manager.existsBy(ApiKeyRow, { hash: hashApiKey(given) }));
      if (isKnown) return { state: 'known' };
      const { id, createdAt: madeAt, lastUsedAt } = first;
      if (!second && lastUsedAt === null)
        return { state: 'unused', id, madeAt, isGivenRefused: given !== null };
      return { state: given === null ? 'known' : 'not-taken' };
    }
    const createdAt = clock();
    const organizationId = uuidv7();
    await insertRow(manager, OrganizationRow, { id: organizationId, name: 'default', createdAt });
    const bootstrap = { key, organizationId, createdBy: null, name: 'bootstrap', permissions };
    await storeApiKey(manager, { ...bootstrap, createdAt, expiresAt: null });
    return { state: 'made', key: given === null ? key : null };
  });
}
