import { v7 as uuidv7 } from 'uuid';
import { generateApiKey, hashApiKey } from '../../src/auth/api-keys.js';
import type { Permission } from '../../src/auth/viewer.js';
import { ApiKeyRow, OrganizationRow, PrincipalRow } from '../../src/database/entities/organization.js';
import { Client } from './client.js';
import type { TestService } from './service.js';
import { openTestDatabase } from './test-database.js';

interface NewKey {
  permissions?: Permission[];
  /** Default: the first organization. */
  organizationId?: string;
  expiresAt?: Date;
}

/** A client of its own principal, by default in the first key's organization and with leave to read and write. */
export async function newClient(
  service: Pick<TestService, 'url' | 'dataDirectory'>,
  { permissions = ['attachments:read', 'attachments:write'], organizationId, expiresAt }: NewKey = {},
): Promise<Client> {
  const key = generateApiKey();
  const database = await openTestDatabase(service.dataDirectory);
  const now = new Date();
  const organization = organizationId ?? (await database.read.findOneByOrFail(OrganizationRow, {})).id;
  const principalId = uuidv7();
  await database.write(async (manager) => {
    await manager.insert(PrincipalRow, {
      organizationId: organization,
      id: principalId,
      kind: 'SERVICE',
      name: 'other',
    });
    await manager.insert(ApiKeyRow, {
      id: uuidv7(),
      organizationId: organization,
      principalId,
      name: 'other',
      prefix: key.slice(0, 12),
      hash: hashApiKey(key),
      permissions,
      createdAt: now,
      expiresAt: expiresAt ?? null,
    });
  });
  await database.close();
  return new Client(service.url, key);
}
