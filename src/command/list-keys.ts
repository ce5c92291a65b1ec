import { findOrganization } from '../auth/organizations.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { OrganizationRow } from '../database/entities/organization.js';
import { alignColumns } from './align-columns.js';
import type { KeyCommand } from './key-command.js';

const headings = [
  'ID',
  'ORGANIZATION',
  'NAME',
  'PREFIX',
  'PERMISSIONS',
  'CREATED',
  'EXPIRES',
  'LAST USED',
  'REVOKED',
];

/** Prints all keys, or those of one organization, a line each, in columns two or more spaces apart. */
export async function listKeys(
  { database: { read }, print }: KeyCommand,
  options: { organization?: string },
): Promise<void> {
  const organization =
    options.organization === undefined ? null : await findOrganization(read, options.organization);
  if (options.organization !== undefined && !organization) {
    throw new Error(`There is no organization ${options.organization}.`);
  }
  const where = organization ? { organizationId: organization.id } : {};
  const keys = await read.find(ApiKeyRow, { where, order: { id: 'ASC' } });
  const names = new Map((await read.find(OrganizationRow)).map(({ id, name }) => [id, name]));
  const rows = keys.map((key) => cellsOf(key, names.get(key.organizationId) ?? key.organizationId));
  for (const line of alignColumns([headings, ...rows])) print(line);
}

function cellsOf(key: ApiKeyRow, organization: string): string[] {
  return [
    key.id,
    organization,
    key.name,
    key.prefix,
    key.permissions.join(','),
    ...[key.createdAt, key.expiresAt, key.lastUsedAt, key.revokedAt].map((at) => at?.toISOString() ?? '-'),
  ];
}
