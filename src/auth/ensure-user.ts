import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { OrganizationRow, PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import type { Viewer } from './viewer.js';

/** Makes the rows of users and their organizations at first sight. False for the id of a service account, which no token has. */
export type EnsureUser = (viewer: Viewer) => Promise<boolean>;

/** Those met lately are remembered, so that meeting them again costs nothing. */
export function createEnsureUser({ database, clock }: { database: Database; clock: () => Date }): EnsureUser {
  const met = new LRUCache<string, { name: string | null }>({ max: 10_000 });
  return async (viewer) => {
    const { organizationId, principal } = viewer;
    const who = JSON.stringify([organizationId, principal.id]);
    const known = met.get(who);
    if (known && (principal.name === null || principal.name === known.name)) return true;
    const isUser = await writeRows(database, viewer, clock());
    if (isUser) met.set(who, { name: principal.name });
    return isUser;
  };
}

async function writeRows(
  { write }: Database,
  { organizationId, principal: { id, name } }: Viewer,
  createdAt: Date,
): Promise<boolean> {
  return write(async (manager) => {
    const organization = { id: organizationId, name: organizationId, createdAt };
    const user = { organizationId, id, kind: 'USER' } as const;
    await insertRow(manager, OrganizationRow, organization, { orIgnore: true });
    await insertRow(manager, PrincipalRow, { ...user, name }, { orIgnore: true });
    if (name !== null) await manager.update(PrincipalRow, user, { name });
    return manager.existsBy(PrincipalRow, user);
  });
}
