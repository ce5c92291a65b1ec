import { v7 as uuidv7 } from 'uuid';
import { permissions } from '../../../src/auth/viewer.js';
import { OrganizationRow } from '../../../src/database/entities/organization.js';
import { toNodeId } from '../../../src/graphql/find-nodes.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import type { TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';
import { share } from '../sharing/share-operations.js';
import { endpoint } from '../webhooks/endpoint-operations.js';

/** Everything that has an id of its own or is named by its owner's words. */
export type Kind =
  | 'unclaimed'
  | 'claimed'
  | 'linked'
  | 'trashed'
  | 'record'
  | 'hostRecord'
  | 'recordField'
  | 'link'
  | 'documentKey'
  | 'uploadedKey'
  | 'cursor'
  | 'apiKey'
  | 'delivery'
  | 'endpoint'
  | 'told'
  | 'shareLink'
  | 'idempotencyKey'
  | 'principal'
  | 'sha256';

/** One thing of Alice's, and one of the same form that never was. */
export interface Pair {
  theirs: string;
  never: string;
}

export interface Stage {
  service: TestService;
  /** The owner of everything. */
  alice: Client;
  /** A client of Alice's organization. */
  bob: Client;
  /** A client of another organization. */
  mallory: Client;
  things: Record<Exclude<Kind, 'cursor'>, Pair>;
  /** The files behind the kinds that are attachments. */
  files: Record<'unclaimed' | 'claimed' | 'linked' | 'trashed', AttachmentData>;
  /** The address of a target that is open. */
  uploadUrl: string;
  /** Texts that no answer to anybody else may hold. */
  marks: string[];
}

export const recordType = 'Case';

export async function setStage(service: TestService): Promise<Stage> {
  const alice = service.client;
  const bob = await newClient(service, { permissions: [...permissions] });
  const organizationId = await addOrganization(service);
  const mallory = await newClient(service, { permissions: [...permissions], organizationId });
  const record = { type: recordType, id: 'hush-7' };
  const file = (name: string) => ({ content: `the secret of ${name}`, name: `hush-${name}.txt` });
  const webhooks = [{ uri: 'http://127.0.0.1:9/', interactions: ['ATTACHMENT_APPROVED'] }];
  const files = {
    unclaimed: await alice.upload(file('unclaimed'), { idempotencyKey: 'hush-key', webhooks }),
    claimed: await alice.upload(file('claimed'), { record, webhooks }),
    linked: await alice.upload(file('linked'), { record, field: 'files' }),
    trashed: await alice.upload(file('trashed')),
  };
  await alice.ask(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
    { id: files.trashed.id },
  );
  // Waits for nothing that is done here: what is done to it must fail, and be seen to.
  const hook = {
    uri: 'http://127.0.0.1:9/hush-hook',
    events: ['ATTACHMENT_DAMAGED'],
    description: 'hush-hook',
  };
  const { webhookEndpoint } = await endpoint(alice, 'create', hook);
  const { delivery: told } = await endpoint(alice, 'test', { id: webhookEndpoint.id });
  const { url: uploadUrl } = await newTarget(alice);
  const uploaded = await newTarget(alice);
  await fetch(uploaded.url, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/plain' } });
  const shared = await share(alice, files.claimed.id);
  const things = {
    ...toPairs({
      unclaimed: files.unclaimed.id,
      claimed: files.claimed.id,
      linked: files.linked.id,
      trashed: files.trashed.id,
      documentKey: files.claimed.documentKey,
      uploadedKey: uploaded.documentKey,
      apiKey: await firstKeyId(alice),
      delivery: await deliveryId(alice, files.claimed.id),
      endpoint: webhookEndpoint.id,
      told: told.id,
      shareLink: shared.shareLink.id,
      principal: files.claimed.createdBy.id,
    }),
    ...(await nodePairs(alice, record)),
    record: { theirs: record.id, never: 'others-7' },
    idempotencyKey: { theirs: 'hush-key', never: 'others-key' },
    sha256: { theirs: files.claimed.sha256.hash, never: 'f'.repeat(64) },
  };
  const marks = [
    ...Object.values(things).map(({ theirs }) => theirs),
    files.claimed.organizationId,
    'hush-',
    shared.url,
  ];
  return { service, alice, bob, mallory, things, files, uploadUrl, marks };
}

/** Objects that are known by a key. Ids that never were belong to another organization, or have a wrong end. */
async function nodePairs(
  client: Client,
  record: { type: string; id: string },
): Promise<Record<'hostRecord' | 'recordField' | 'link', Pair>> {
  const answer = await client.ask<{
    record: { id: string; field: { id: string; links: { id: string }[] } };
  }>(
    'query ($type: String!, $id: ID!) { record(type: $type, id: $id) { id field(name: "files") { id links { id } } } }',
    record,
  );
  const { id, field } = answer.record;
  const keyOf = (organizationId: string) =>
    toNodeId(organizationId, { type: 'AttachmentLink', key: [uuidv7(), uuidv7()] });
  return {
    hostRecord: { theirs: id, never: toNodeId('none', { type: 'HostRecord', key: ['Case', 'others-7'] }) },
    recordField: { theirs: field.id, never: `${field.id.slice(0, -4)}AAAA` },
    link: { theirs: field.links[0]?.id ?? '', never: keyOf('none') },
  };
}

/** The same with another end, so that both have one place in every order. */
function toPairs<Name extends string>(values: Record<Name, string>): Record<Name, Pair> {
  const pairs = Object.entries<string>(values).map(([name, theirs]) => [
    name,
    { theirs, never: theirs.replace(/[0-9a-f]{12}$/, uuidv7().slice(-12)) },
  ]);
  return Object.fromEntries(pairs) as Record<Name, Pair>;
}

async function addOrganization({ dataDirectory }: TestService): Promise<string> {
  const id = uuidv7();
  const database = await openTestDatabase(dataDirectory);
  await database.write((manager) =>
    manager.insert(OrganizationRow, { id, name: 'other', createdAt: new Date() }),
  );
  await database.close();
  return id;
}

async function newTarget(client: Client): Promise<{ documentKey: string; url: string }> {
  const { createUploadTarget } = await client.ask<{
    createUploadTarget: { target: { documentKey: string; url: string } };
  }>(`mutation { createUploadTarget(input: { fileName: "hush.txt", contentType: "text/plain", size: 1 }) {
    target { documentKey url } } }`);
  return createUploadTarget.target;
}

async function firstKeyId(client: Client): Promise<string> {
  const { apiKeys } = await client.ask<{ apiKeys: { nodes: { id: string }[] } }>(
    '{ apiKeys { nodes { id } } }',
  );
  return apiKeys.nodes[0]?.id ?? '';
}

async function deliveryId(client: Client, attachmentId: string): Promise<string> {
  const { webhookDeliveries } = await client.ask<{ webhookDeliveries: { nodes: { id: string }[] } }>(
    'query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { id } } }',
    { id: attachmentId },
  );
  return webhookDeliveries.nodes[0]?.id ?? '';
}
