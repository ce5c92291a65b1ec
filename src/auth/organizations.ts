import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { OrganizationRow, PrincipalRow } from '../database/entities/organization.js';
import { toId } from '../database/ids.js';
import { insertRow } from '../database/insert-row.js';
import { isOrganizationId } from '../storage/document-key.js';

/** The id of the organization that somebody else calls by this text, the same as a claim and on the command line; null where it cannot be one. */
export function toOrganizationId(text: string): string | null {
  return isOrganizationId(text) ? toId(text) : null;
}

/**
 * The id of the principal that a filter means: a service account's is a UUID, and the same in capitals, a user's is whatever the
 * issuer of their tokens calls them.
 */
export async function toPrincipalId(
  read: EntityManager,
  organizationId: string,
  given: string,
): Promise<string> {
  const id = toId(given);
  if (id === given) return id;
  return (await read.existsBy(PrincipalRow, { organizationId, id: given })) ? given : id;
}

/** The organization of this id, else the one of this name; the oldest where nothing is said. Throws where several have the name. */
export async function findOrganization(
  read: EntityManager,
  nameOrId: string | null,
): Promise<OrganizationRow | null> {
  if (nameOrId === null) {
    const [oldest] = await read.find(OrganizationRow, { order: { createdAt: 'ASC', id: 'ASC' }, take: 1 });
    return oldest ?? null;
  }
  const byId = await read.findOneBy(OrganizationRow, { id: toOrganizationId(nameOrId) ?? nameOrId });
  if (byId) return byId;
  const [found, other] = await read.find(OrganizationRow, { where: { name: nameOrId }, take: 2 });
  if (other) throw new Error(`Several organizations are called ${nameOrId}: name one by its id.`);
  return found ?? null;
}

/** Its id is its name, so that tokens can name it, or a new UUID where the name is no id. Throws where it is no name either. */
export async function createOrganization(
  manager: EntityManager,
  name: string,
  createdAt: Date,
): Promise<OrganizationRow> {
  if (!isCleanText(name)) {
    throw new Error("An organization's name must be 1 to 255 characters, without control characters.");
  }
  const organization = { id: toOrganizationId(name) ?? uuidv7(), name, createdAt };
  await insertRow(manager, OrganizationRow, organization);
  return organization;
}

export const maxTextLength = 255;

const pattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** 1 to 255 characters, no controls, not only spaces: fit for a name or an id in any table, log or terminal. */
export function isCleanText(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value) && value.trim() !== '';
}
