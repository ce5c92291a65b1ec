import { Client } from '../../support/client.js';

export const apiKeyFields =
  'id name prefix permissions createdAt expiresAt lastUsedAt revokedAt principal { id kind name }';

export interface ApiKeyData {
  id: string;
  name: string;
  prefix: string;
  permissions: string[];
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  revokedAt: string | null;
  principal: { id: string; kind: string; name: string | null };
}

export interface ViewerData {
  principal: { id: string; kind: string; name: string | null };
  organizationId: string;
  permissions: string[];
}

export interface NewKey {
  name?: string;
  permissions?: string[];
  expiresAt?: string | null;
}

const createMutation = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { secret apiKey { ${apiKeyFields} } }
}`;

const fill = (key: NewKey) => ({ input: { name: 'CI', permissions: ['attachments:read'], ...key } });

export function tryCreateKey(client: Client, key: NewKey = {}) {
  return client.graphql<{ createApiKey: { secret: string; apiKey: ApiKeyData } }>(createMutation, fill(key));
}

/** A new key, and a client that acts with it. */
export async function createKey(client: Client, key: NewKey = {}) {
  const { createApiKey } = await client.ask<{ createApiKey: { secret: string; apiKey: ApiKeyData } }>(
    createMutation,
    fill(key),
  );
  return { ...createApiKey, client: new Client(client.url, createApiKey.secret) };
}

export function tryRevokeKey(client: Client, id: string) {
  return client.graphql<{ revokeApiKey: { apiKey: ApiKeyData } }>(
    `mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { ${apiKeyFields} } } }`,
    { id },
  );
}

export async function listKeys(client: Client, page: { first?: number; after?: string } = {}) {
  const { apiKeys } = await client.ask<{
    apiKeys: {
      nodes: ApiKeyData[];
      totalCount: number;
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
    };
  }>(
    `query ($first: Int, $after: String) { apiKeys(first: $first, after: $after) {
      nodes { ${apiKeyFields} } totalCount pageInfo { hasNextPage endCursor } } }`,
    page,
  );
  return apiKeys;
}

export async function whoAmI(client: Client): Promise<ViewerData> {
  const query = '{ viewer { principal { id kind name } organizationId permissions } }';
  return (await client.ask<{ viewer: ViewerData }>(query)).viewer;
}

/** The status of the smallest request; 401 is a refused credential. */
export async function statusOf(client: Client): Promise<number> {
  return (await client.graphql('{ viewer { organizationId } }')).status;
}

export async function codeOf(answer: Promise<{ errors: { extensions: { code: string } }[] | undefined }>) {
  return (await answer).errors?.[0]?.extensions.code;
}
