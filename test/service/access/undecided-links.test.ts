import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { link } from '../doors/links.js';
import { type PolicyServer, startPolicyServer } from './policy-server.js';

const record = { type: 'Case', id: 'with two fields' };
const links = 'links { nodes { field } }';

let policy: PolicyServer;
let service: TestService;
/** In two fields of a record, of which one cannot be decided. */
let id: string;
/** No answers about this one are remembered. */
let client: Client;
beforeEach(async () => {
  policy = await startPolicyServer();
  service = await startService({ RECORD_AUTHORIZER_URL: policy.url });
  ({ id } = await service.client.upload({ content: 'x', name: 'before.txt' }, { record, field: 'files' }));
  await link(service.client, { record, field: 'more', attachmentIds: [id] });
  client = await newClient(service);
  policy.decide = ({ action, field }) => {
    if (action === 'view' && field === 'more') throw new Error('a fault of the policy');
    return true;
  };
});
afterEach(async () => {
  await service.close();
  await policy.close();
});

interface Changed {
  change: { attachment: { fileName: string } } | null;
}

const rename = (selection: string) =>
  client.graphql<Changed>(
    `mutation ($input: UpdateAttachmentInput!) { change: updateAttachment(input: $input) {
       attachment { fileName ...Rest } } }
     fragment Rest on Attachment { ${selection} }`,
    { input: { attachmentId: id, fileName: 'after.txt' } },
  );
const claim = (selection: string) =>
  client.graphql<Changed>(
    `mutation ($input: ClaimAttachmentInput!) { change: claimAttachment(input: $input) {
       attachment { fileName ...Rest } } }
     fragment Rest on Attachment { ${selection} }`,
    { input: { attachmentId: id, record } },
  );
const nameNow = async () =>
  (
    await service.client.ask<{ attachment: { fileName: string } }>(
      'query ($id: ID!) { attachment(id: $id) { fileName } }',
      { id },
    )
  ).attachment.fileName;

test('links that cannot be decided refuse a change before it is made, and none if they are not asked for', async () => {
  const refused = await rename(links);
  expect(refused.errors?.[0]?.extensions.code).toBe('AUTHORIZER_UNAVAILABLE');
  expect(await nameNow()).toBe('before.txt');
  const made = await rename('id');
  expect([made.errors, made.data?.change?.attachment.fileName]).toEqual([undefined, 'after.txt']);
  expect(await nameNow()).toBe('after.txt');
  // The rest of what may be viewed is decided.
  expect((await claim(links)).errors?.[0]?.extensions.code).toBe('AUTHORIZER_UNAVAILABLE');
  expect((await claim('id')).errors).toBeUndefined();
});
