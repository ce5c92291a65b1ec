import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { GatedScanner } from '../verdicts/gated-scanner.js';
import { type PolicyServer, startPolicyServer } from './policy-server.js';

/** The first field of a document waits for a verdict. Those behind it are held against what is permitted by their turn. */
const scanner = new GatedScanner();
let policy: PolicyServer;
let service: TestService;
beforeAll(async () => {
  policy = await startPolicyServer();
  service = await startService({ RECORD_AUTHORIZER_URL: policy.url }, { scanner });
});
afterEach(() => {
  scanner.open();
  policy.decide = () => true;
});
afterAll(async () => {
  await service.close();
  await policy.close();
});

const document = `mutation ($link: LinkAttachmentsInput!, $empty: LinkAttachmentsInput!) {
  first: linkAttachments(input: $link) { field { version } }
  second: linkAttachments(input: $empty) { field { version } }
}`;
type Linked = { field: { version: number } } | null;

/** The answer to a document of the client's, in the midst of which something happens. */
async function change(client: Client, id: string, meanwhile: () => Promise<void>) {
  scanner.shut();
  const attachment = await client.upload({ content: id, name: 'a.txt' });
  const place = { record: { type: 'Case', id }, field: 'files' };
  const answering: Promise<Answer<{ first: Linked; second: Linked }>> = client.graphql(document, {
    link: { ...place, attachmentIds: [attachment.id], holdSeconds: 10 },
    empty: { ...place, attachmentIds: [] },
  });
  while ((await versionOf(id)) === 0) await pause(20);
  await meanwhile();
  scanner.open();
  const { data, errors } = await answering;
  expect(data).toEqual({ first: { field: { version: 1 } }, second: null });
  expect(await versionOf(id)).toBe(1);
  return errors?.map(({ path, extensions: { code } }) => [path, code]);
}

async function versionOf(id: string): Promise<number> {
  const query = `{ record(type: "Case", id: "${id}") { field(name: "files") { version } } }`;
  const { record } = await service.client.ask<{ record: { field: { version: number } } }>(query);
  return record.field.version;
}

test('a key that is revoked during a document changes nothing more', async () => {
  const create = `mutation { createApiKey(input: { name: "x", permissions: ["attachments:read", "attachments:write"] }) {
    secret apiKey { id } } }`;
  const made = await service.client.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(create);
  const { secret, apiKey } = made.createApiKey;
  const errors = await change(new Client(service.url, secret), 'revoked', async () => {
    const revoke = 'mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { id } } }';
    await service.client.ask(revoke, { id: apiKey.id });
  });
  expect(errors).toEqual([[['second'], 'UNAUTHENTICATED']]);
});

test('the authorizer is asked about each field of a mutation when its turn comes', async () => {
  const errors = await change(await newClient(service), 'denied', async () => {
    policy.decide = ({ action }) => action === 'view';
    // The answer to the first field was good for three seconds.
    await pause(3_100);
  });
  expect(errors).toEqual([[['second'], 'FORBIDDEN']]);
});
