import type { Client } from '../../support/client.js';

export const shareLinkFields = `id createdAt expiresAt maxDownloads downloads lastUsedAt revokedAt
  createdBy { id } attachment { id }`;

export interface ShareLinkData {
  id: string;
  createdAt: string;
  expiresAt: string | null;
  maxDownloads: number | null;
  downloads: number;
  lastUsedAt: string | null;
  revokedAt: string | null;
  createdBy: { id: string };
  attachment: { id: string };
}

export interface Shared {
  url: string;
  shareLink: ShareLinkData;
}

export function tryShare(client: Client, attachmentId: string, input: object = {}) {
  return client.graphql<{ createShareLink: Shared | null }>(
    `mutation ($input: CreateShareLinkInput!) { createShareLink(input: $input) { url shareLink { ${shareLinkFields} } } }`,
    { input: { attachmentId, ...input } },
  );
}

export async function share(client: Client, attachmentId: string, input: object = {}): Promise<Shared> {
  const { data, errors } = await tryShare(client, attachmentId, input);
  if (!data?.createShareLink) throw new Error(JSON.stringify(errors));
  return data.createShareLink;
}

export function tryRevoke(client: Client, id: string) {
  return client.graphql<{ revokeShareLink: { shareLink: ShareLinkData } | null }>(
    `mutation ($id: ID!) { revokeShareLink(input: { id: $id }) { shareLink { ${shareLinkFields} } } }`,
    { id },
  );
}

export async function linkOf(client: Client, id: string): Promise<ShareLinkData | null> {
  const { node } = await client.ask<{ node: ShareLinkData | null }>(
    `query ($id: ID!) { node(id: $id) { ... on ShareLink { ${shareLinkFields} } } }`,
    { id },
  );
  return node;
}

/** The status of a GET of any address, whose body is read to its end. */
export async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}
