import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';
import { OrganizationRow, PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';
import { TokenRefusal } from './token-refusal.js';
import type { Viewer } from './viewer.js';

export interface EnsureUserDependencies {
  database: Database;
  clock: () => Date;
  /** Whether a token makes the organization that it names. Otherwise there must be one. */
  createOrganizations: boolean;
  /** Told of an organization that a token has made. */
  onOrganizationMade(organizationId: string): void;
}

/** Makes the rows of users, and perhaps of their organizations, at first sight. Throws TokenRefusal if that cannot be. */
export type EnsureUser = (viewer: Viewer) => Promise<void>;

/** Those met lately are remembered, so that meeting them again costs nothing. */
export function createEnsureUser(deps: EnsureUserDependencies): EnsureUser {
  const met = new LRUCache<string, { name: string | null }>({ max: 10_000 });
  return async (viewer) => {
    const { organizationId, principal } = viewer;
    const who = JSON.stringify([organizationId, principal.id]);
    const known = met.get(who);
    if (known && (principal.name === null || principal.name === known.name)) return;
    if (await writeRows(deps, viewer)) deps.onOrganizationMade(organizationId);
    met.set(who, { name: principal.name });
  };
}

/** Returns whether the organization is new. */
async function writeRows(
  { database, clock, createOrganizations }: EnsureUserDependencies,
  { organizationId, principal: { id, name } }: Viewer,
): Promise<boolean> {
  return database.write(async (manager) => {
    const isNew = !(await manager.existsBy(OrganizationRow, { id: organizationId }));
    if (isNew && !createOrganizations) throw new TokenRefusal('token_organization_unknown');
    const organization = { id: organizationId, name: organizationId, createdAt: clock() };
    if (isNew) await insertRow(manager, OrganizationRow, organization, { orIgnore: true });
    const user = { organizationId, id, kind: 'USER' } as const;
    await insertRow(manager, PrincipalRow, { ...user, name }, { orIgnore: true });
    if (name !== null) await manager.update(PrincipalRow, user, { name });
    // The id of a service account, which no token has.
    if (!(await manager.existsBy(PrincipalRow, user))) throw new TokenRefusal('token_service_account');
    return isNew;
  });
}
