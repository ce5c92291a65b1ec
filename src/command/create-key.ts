import type { EntityManager } from 'typeorm';
import { generateApiKey, storeApiKey } from '../auth/api-keys.js';
import { checkNewApiKey } from '../auth/check-new-api-key.js';
import { createOrganization, findOrganization } from '../auth/organizations.js';
import { permissions } from '../auth/viewer.js';
import type { OrganizationRow } from '../database/entities/organization.js';
import type { KeyCommand } from './key-command.js';

export interface NewKeyOptions {
  organization?: string;
  name: string;
  /** Comma-separated. */
  permissions: string;
  /** RFC 3339. */
  expiresAt?: string;
}

const instant = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Makes a key, and the organization where there is none of that name, and prints the key. */
export async function createKey(
  { database, clock, print, remark }: KeyCommand,
  options: NewKeyOptions,
): Promise<void> {
  const createdAt = clock();
  const input = {
    name: options.name,
    permissions: splitList(options.permissions),
    expiresAt: options.expiresAt === undefined ? null : parseInstant(options.expiresAt),
  };
  checkNewApiKey(input, new Set(permissions), createdAt);
  const key = generateApiKey();
  const made = await database.write(async (manager) => {
    const organization = await organizationFor(manager, options.organization, createdAt);
    const row = await storeApiKey(manager, {
      ...input,
      key,
      organizationId: organization.id,
      createdBy: null,
      createdAt,
    });
    return { organization, row };
  });
  print(key);
  const { organization, row } = made;
  remark(`Shown this once. Its id is ${row.id}; organization ${organization.name} (${organization.id}).`);
}

async function organizationFor(
  manager: EntityManager,
  given: string | undefined,
  createdAt: Date,
): Promise<OrganizationRow> {
  const found = await findOrganization(manager, given ?? null);
  return found ?? createOrganization(manager, given ?? 'default', createdAt);
}

const splitList = (list: string): string[] => [
  ...new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ),
];

function parseInstant(text: string): Date {
  const parsed = new Date(instant.test(text) ? text : Number.NaN);
  if (Number.isNaN(parsed.getTime())) {
    throw new Error('--expires-at must be an RFC 3339 instant, such as 2027-01-31T00:00:00Z.');
  }
  return parsed;
}
