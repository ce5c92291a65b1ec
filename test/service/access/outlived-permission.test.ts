import type { AttachmentData, Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { type Asked, type PolicyServer, startPolicyServer } from './policy-server.js';

/**
 * Once the authorizer says no, nothing that somebody has kept from before opens what it was for: no document key, no
 * idempotency key, no id, no URL that needs a credential.
 */
let policy: PolicyServer;
let service: TestService;
let owner: Client;
/** Whoever has read the attachment while it was permitted. */
let reader: Client;
beforeAll(async () => {
  policy = await startPolicyServer();
  service = await startService({ RECORD_AUTHORIZER_URL: policy.url });
  owner = service.client;
});
beforeEach(async () => {
  policy.decide = () => true;
  reader = await newClient(service);
});
afterAll(async () => {
  await service.close();
  await policy.close();
});

let records = 0;
const newRecord = () => {
  records += 1;
  return { type: 'Case', id: `outlived-${records}` };
};
type Ref = ReturnType<typeof newRecord>;

const create = (client: Client, input: object) =>
  client.graphql<{ createAttachment: { attachment: AttachmentData } }>(
    `mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) {
      attachment { id fileName documentKey url } } }`,
    { input },
  );
const byKey = (client: Client, documentKey: string, input: object = {}) =>
  create(client, { content: { documentKey }, ...input });
const faultOf = ({ errors }: Awaited<ReturnType<typeof create>>) => errors?.[0]?.extensions;

async function sendToTarget(client: Client, content = 'mine'): Promise<string> {
  const { createUploadTarget } = await client.ask<{
    createUploadTarget: { target: { documentKey: string; url: string } };
  }>(
    `mutation ($size: SafeInt!) { createUploadTarget(input: {
      fileName: "x.txt", contentType: "text/plain", size: $size }) { target { documentKey url } } }`,
    { size: content.length },
  );
  const { url, documentKey } = createUploadTarget.target;
  const headers = { 'content-type': 'text/plain' };
  expect((await fetch(url, { method: 'PUT', body: content, headers })).status).toBe(201);
  return documentKey;
}

/** By whose client a question is asked. */
const principalOf = async (client: Client) =>
  (await client.ask<{ viewer: { principal: { id: string } } }>('{ viewer { principal { id } } }')).viewer
    .principal.id;

const denyView = (record: Ref, principalId: string, field?: string) => {
  policy.decide = (asked: Asked) =>
    asked.action !== 'view' ||
    asked.record.id !== record.id ||
    asked.principal.id !== principalId ||
    (field !== undefined && asked.field !== field);
};

describe('a document key', () => {
  test('makes no attachment for whoever may not see one of its attachments any more', async () => {
    const record = newRecord();
    const documentKey = await sendToTarget(owner);
    await byKey(owner, documentKey, { record });
    expect((await byKey(reader, documentKey)).errors).toBeUndefined();
    const late = await newClient(service);
    denyView(record, await principalOf(late));
    const never = documentKey.replace(/.{12}$/, '000000000000');
    const files = await storedFiles(service.dataDirectory);
    const [refused, unknown] = [await byKey(late, documentKey), await byKey(late, never)];
    expect(faultOf(refused)?.code).toBe('DOCUMENT_KEY_UNKNOWN');
    expect(refused.errors).toEqual(unknown.errors);
    expect(await storedFiles(service.dataDirectory)).toEqual(files);
  });

  test('is hidden with the field that holds its attachment', async () => {
    const record = newRecord();
    const documentKey = await sendToTarget(owner);
    await byKey(owner, documentKey, { record, field: 'secret' });
    denyView(record, await principalOf(reader), 'secret');
    expect(faultOf(await byKey(reader, documentKey))?.code).toBe('DOCUMENT_KEY_UNKNOWN');
  });

  test("is not even its own principal's once a record has the bytes that it may not see", async () => {
    const record = newRecord();
    const documentKey = await sendToTarget(owner);
    await byKey(owner, documentKey, { record });
    denyView(record, await principalOf(owner));
    expect(faultOf(await byKey(owner, documentKey))?.code).toBe('DOCUMENT_KEY_UNKNOWN');
  });

  test('works for whoever sees one of its attachments among others that are hidden', async () => {
    const [hidden, shown] = [newRecord(), newRecord()];
    const documentKey = await sendToTarget(owner);
    await byKey(owner, documentKey, { record: hidden });
    await byKey(owner, documentKey, { record: shown });
    denyView(hidden, await principalOf(reader));
    expect((await byKey(reader, documentKey)).errors).toBeUndefined();
  });
});

describe('an idempotency key', () => {
  const input = { content: { base64: 'eA==' }, fileName: 'x.txt' };

  test('gives nothing back that may not be viewed any more', async () => {
    const record = newRecord();
    const idempotencyKey = `kept-${record.id}`;
    const first = await create(reader, { ...input, idempotencyKey });
    const id = first.data?.createAttachment.attachment.id;
    await reader.ask(
      'mutation ($input: ClaimAttachmentInput!) { claimAttachment(input: $input) { alreadyClaimed } }',
      { input: { attachmentId: id, record } },
    );
    await owner.ask(
      'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "hush.txt" }) { attachment { id } } }',
      { id },
    );
    denyView(record, await principalOf(reader));
    const again = await create(reader, { ...input, idempotencyKey });
    expect(again.data?.createAttachment ?? null).toBeNull();
    expect(faultOf(again)).toEqual({
      code: 'NOT_FOUND',
      details: [expect.objectContaining({ loc: ['input', 'idempotencyKey'], type: 'not_found' })],
    });
  });

  test.each([[null], ['inbox']])(
    'still serves retries of whoever may write and not read: field %s',
    async (field) => {
      const record = newRecord();
      denyView(record, await principalOf(reader));
      const creation = { ...input, record, field, idempotencyKey: `drop-${record.id}` };
      const first = await create(reader, creation);
      const again = await create(reader, creation);
      expect(first.errors).toBeUndefined();
      expect(again).toMatchObject({ data: first.data, errors: undefined });
    },
  );
});

describe('copies kept of an attachment', () => {
  let record: Ref;
  let id: string;
  let url: string;
  beforeEach(async () => {
    record = newRecord();
    ({ id, url } = await owner.upload({ content: 'hush', name: 'hush.txt' }, { record }));
    await reader.ask('query ($id: ID!) { attachment(id: $id) { id } }', { id });
    const late = await newClient(service);
    denyView(record, await principalOf(late));
    reader = late;
  });

  test('its id is copied by nobody, and found nowhere', async () => {
    const { errors } = await reader.graphql(
      'mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { id } } }',
      { id },
    );
    expect(errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    const seen = await reader.ask('query ($id: ID!) { node(id: $id) { id } attachment(id: $id) { id } }', {
      id,
    });
    expect(seen).toEqual({ node: null, attachment: null });
  });

  test('its URL needs the permission of now', async () => {
    expect((await reader.download(url)).status).toBe(404);
    expect((await owner.download(url)).status).toBe(200);
  });
});

test("a field's former content is not told to whoever may change the field and not view it", async () => {
  const record = newRecord();
  await owner.upload({ content: 'hush', name: 'hush.txt' }, { record, field: 'inbox' });
  denyView(record, await principalOf(reader), 'inbox');
  const empty = `mutation ($record: RecordInput!) { linkAttachments(input: {
    record: $record, field: "inbox", attachmentIds: [], mode: REPLACE }) {
      unlinked { id fileName } links { position } field { version links { position } } } }`;
  expect(await reader.ask(empty, { record })).toEqual({
    linkAttachments: { unlinked: [], links: [], field: { version: 0, links: [] } },
  });
});
