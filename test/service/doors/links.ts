import type { Answer, Client } from '../../support/client.js';

export interface RecordRef {
  type: string;
  id: string;
}

export interface Seen {
  id: string;
  record: RecordRef | null;
  claimedAt: string | null;
  expiresAt: string | null;
  links: { totalCount: number; nodes: { record: RecordRef; field: string }[] };
}

export interface Linked {
  linkAttachments: {
    field: { version: number };
    links: { position: number; attachment: { id: string } }[];
    unlinked: Pick<Seen, 'id' | 'expiresAt'>[];
  };
}

export interface LinkInput {
  record: RecordRef;
  field?: string;
  attachmentIds: readonly string[];
  mode?: 'REPLACE' | 'ADD' | 'REMOVE';
}

export function link(client: Client, input: LinkInput): Promise<Answer<Linked>> {
  const query = `mutation ($input: LinkAttachmentsInput!) { linkAttachments(input: $input) {
    field { version } links { position attachment { id } } unlinked { id expiresAt } } }`;
  return client.graphql<Linked>(query, { input });
}

export type Claimed = { claimAttachment: { alreadyClaimed: boolean } };

export function claim(client: Client, attachmentId: string, record: RecordRef): Promise<Answer<Claimed>> {
  const query =
    'mutation ($input: ClaimAttachmentInput!) { claimAttachment(input: $input) { alreadyClaimed } }';
  return client.graphql<Claimed>(query, { input: { attachmentId, record } });
}

/** The attachment as the client sees it; null where it does not. */
export async function see(client: Client, id: string): Promise<Seen | null> {
  const query = `query ($id: ID!) { attachment(id: $id) { id record { type id: recordId } claimedAt expiresAt
    links(first: 100) { totalCount nodes { record { type id: recordId } field } } } }`;
  return (await client.ask<{ attachment: Seen | null }>(query, { id })).attachment;
}

/** Ids that the field holds, in order. */
export async function idsIn(
  client: Client,
  { type, id }: RecordRef,
  field = 'attachments',
): Promise<string[]> {
  const query = `query ($type: String!, $id: ID!, $field: String!) {
    record(type: $type, id: $id) { field(name: $field) { links(includePending: true) { position attachment { id } } } } }`;
  const { record } = await client.ask<{
    record: { field: { links: { position: number; attachment: { id: string } }[] } };
  }>(query, { type, id, field });
  expect(record.field.links.map(({ position }) => position)).toEqual(
    record.field.links.map((_, index) => index),
  );
  return record.field.links.map(({ attachment }) => attachment.id);
}

/** Code, and every fault as `input.attachmentIds.0: not_found`; undefined where the answer is none. */
export function faultsOf({ errors }: Answer<unknown>) {
  const extensions = errors?.[0]?.extensions;
  if (!extensions) return undefined;
  const { code, details, limit } = extensions;
  const faults = details.map(({ loc, type }) => `${loc.join('.')}: ${type}`);
  return limit === undefined ? { code, faults } : { code, faults, limit };
}
