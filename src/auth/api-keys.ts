import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { recordEvent } from '../audit/record-event.js';
import { ApiKeyRow } from '../database/entities/api-key.js';
import { PrincipalRow } from '../database/entities/organization.js';
import { insertRow } from '../database/insert-row.js';

/** `cck_` and the first 8 characters of the secret: enough to tell keys apart, and at least 24 stay unknown. */
const prefixLength = 12;

/** Keys have 256 random bits, so one fast hash is enough: there is nothing to guess. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

export function generateApiKey(): string {
  return `cck_${randomBytes(32).toString('base64url')}`;
}

/** A key to be stored, by its hash only. */
export interface KeyToStore {
  key: string;
  organizationId: string;
  /** Null: the operator. */
  createdBy: { id: string } | null;
  name: string;
  permissions: readonly string[];
  createdAt: Date;
  expiresAt: Date | null;
}

/** Stores a key, with a service account of its own that has the key's name. */
export async function storeApiKey(
  manager: EntityManager,
  { key, organizationId, createdBy, name, permissions, createdAt, expiresAt }: KeyToStore,
): Promise<ApiKeyRow> {
  const principalId = uuidv7();
  const row: ApiKeyRow = {
    id: uuidv7(),
    organizationId,
    principalId,
    name,
    prefix: key.slice(0, prefixLength),
    hash: hashApiKey(key),
    permissions: [...permissions],
    createdAt,
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
  };
  await insertRow(manager, PrincipalRow, { organizationId, id: principalId, kind: 'SERVICE', name });
  await insertRow(manager, ApiKeyRow, row);
  const creation = { action: 'API_KEY_CREATED', subjectId: row.id, at: createdAt } as const;
  const actor = { organizationId, principal: createdBy };
  await recordEvent(manager, actor, { ...creation, details: { name, permissions } });
  return row;
}
