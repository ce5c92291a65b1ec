import { toNodeId } from '../../../src/graphql/find-nodes.js';
import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { endpoint } from '../webhooks/endpoint-operations.js';

interface Named {
  __typename: string;
  id: string;
}

const nodesQuery = `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on HostRecord { type recordId } ... on RecordField { name record { id recordId } }
  ... on AttachmentLink { position field record { id } attachment { id } } } }`;
const nodeQuery = 'query ($id: ID!) { node(id: $id) { __typename id } }';
const recordQuery = `query ($type: String!, $id: ID!) { record(type: $type, id: $id) { __typename id
  field(name: "files") { __typename id version links { __typename id attachment { __typename id } } } fields { id name } } }`;

interface Found {
  record: Named & {
    field: Named & { version: number; links: (Named & { attachment: Named })[] };
    fields: Named[];
  };
}

const counter = new StatementCounter();
let service: TestService;
let client: Client;
let found: Found['record'];
/** One of each type that is a node, as its direct read shows it. */
let all: Named[];

beforeAll(async () => {
  service = await startService({ WEBHOOK_ALLOW_PRIVATE: 'true' }, { statementLogger: counter });
  client = service.client;
  const record = { type: 'Invoice', id: '7' };
  const webhooks = [{ uri: 'http://127.0.0.1:9/', interactions: ['ATTACHMENT_APPROVED'] }];
  const { id } = await client.upload({ content: 'x', name: 'x.txt' }, { record, field: 'files', webhooks });
  found = (await client.ask<Found>(recordQuery, record)).record;
  await endpoint(client, 'create', { uri: 'http://127.0.0.1:9/', events: ['PING'] });
  const others = await client.ask<{
    webhookDeliveries: { nodes: Named[] };
    webhookEndpoints: { nodes: Named[] };
    apiKeys: { nodes: Named[] };
  }>(
    `query ($id: ID!) { webhookDeliveries(attachmentId: $id) { nodes { __typename id } }
      webhookEndpoints { nodes { __typename id } } apiKeys { nodes { __typename id } } }`,
    { id },
  );
  const [link] = found.field.links;
  if (!link) throw new Error('There is no link.');
  all = [
    link.attachment,
    found,
    found.field,
    link,
    ...others.webhookDeliveries.nodes,
    ...others.webhookEndpoints.nodes,
    ...others.apiKeys.nodes,
  ];
});
afterAll(() => service.close());

const nodes = async (ids: string[], asked = client) =>
  (await asked.ask<{ nodes: (Named | null)[] }>(nodesQuery, { ids })).nodes;

test('finds objects of every type by their ids, in the order asked for', async () => {
  expect(all.map(({ __typename }) => __typename)).toEqual(
    'Attachment HostRecord RecordField AttachmentLink WebhookDelivery WebhookEndpoint ApiKey'.split(' '),
  );
  const [attachment, record, field, link] = all.map(({ id }) => id);
  const backwards = all.toReversed().map(({ id }) => id);
  const answer = await nodes([...backwards, record ?? '']);
  expect(answer.map((one) => one?.id)).toEqual([...backwards, record]);
  expect(answer.at(-1)).toEqual({ __typename: 'HostRecord', id: record, type: 'Invoice', recordId: '7' });
  expect(answer[4]).toMatchObject({ id: field, name: 'files', record: { id: record, recordId: '7' } });
  expect(answer[3]).toMatchObject({ id: link, position: 0, field: 'files', attachment: { id: attachment } });
  for (const { __typename, id } of all)
    expect(await client.ask(nodeQuery, { id })).toEqual({ node: { __typename, id } });
});

test('gives each id to one object only, whatever its type', async () => {
  const person = (await client.ask<Found>(recordQuery, { type: 'Person', id: '7' })).record;
  const ids = [...all, person, person.field].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(found.fields).toEqual([{ id: found.field.id, name: 'files' }]);
});

test('finds a record, or a field, that nothing was ever attached to', async () => {
  const { record } = await client.ask<Found>(recordQuery, { type: 'Page', id: 'ä"7' });
  expect(await nodes([record.id, record.field.id])).toEqual([
    { __typename: 'HostRecord', id: record.id, type: 'Page', recordId: 'ä"7' },
    {
      __typename: 'RecordField',
      id: record.field.id,
      name: 'files',
      record: { id: record.id, recordId: 'ä"7' },
    },
  ]);
});

test.each([
  ['', ['empty']],
  [' ', ['empty']],
  ['a\u0001b', ['control_character']],
])('refuses %j, which no field can be called, instead of handing an id of it out', async (name, types) => {
  const asked = {
    field: ['field(name: $name) { id version }', 'name'],
    archive: ['archiveUrl(field: $name)', 'field'],
  };
  for (const [selection, argument] of Object.values(asked)) {
    const { data, errors } = await client.graphql(
      `query ($name: String!) { record(type: "Page", id: "1") { ${selection} } }`,
      { name },
    );
    expect(data).toBeNull();
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: types.map((type) => ({ loc: [argument], type })),
    });
  }
  const { errors } = await client.graphql(
    'query ($name: String!) { uploadPolicy(recordType: $name, field: $name) { name } }',
    { name },
  );
  expect(errors?.[0]?.extensions.details).toMatchObject(
    ['recordType', 'field'].flatMap((argument) => types.map((type) => ({ loc: [argument], type }))),
  );
});

test('answers null for ids that are forged, malformed or of what is gone, among others', async () => {
  const [first] = all;
  const { organizationId } = (
    await client.ask<{ viewer: { organizationId: string } }>('{ viewer { organizationId } }')
  ).viewer;
  const forge = (type: 'HostRecord' | 'RecordField' | 'AttachmentLink', ...key: string[]) =>
    toNodeId(organizationId, { type, key });
  const forged = [
    ...all.flatMap(({ id }) => [`${id} `, `${id}=`, id.slice(1), id.slice(0, -2)]),
    ...all.slice(1, 4).map(({ id }) => id.toUpperCase()),
    ...[
      '',
      '\0',
      `${first?.id}\0`,
      '\ud800',
      'Invoice:7',
      '7',
      'x'.repeat(4_096),
      'A'.repeat(50_000),
      '01a1fb65-08c0-765b-84f5-000000000000',
    ],
    ...[
      forge('HostRecord', '', '7'),
      forge('HostRecord', 'Invoice', 'x'.repeat(256)),
      forge('HostRecord', 'In\nvoice', '7'),
    ],
    ...[forge('RecordField', 'Invoice', '7', 'x'.repeat(256)), forge('AttachmentLink', 'x', 'y')],
    toNodeId('other', { type: 'HostRecord', key: ['Invoice', '7'] }),
  ];
  expect(await nodes([...forged, first?.id ?? ''])).toEqual([
    ...forged.map(() => null),
    expect.objectContaining(first),
  ]);
  for (const id of forged) expect(await client.ask(nodeQuery, { id })).toEqual({ node: null });
  for (const { id } of all.slice(1))
    expect(await client.ask(`query ($id: ID!) { attachment(id: $id) { id } }`, { id })).toEqual({
      attachment: null,
    });
});

test('shows what the permissions of the credential let see', async () => {
  const ids = all.map(({ id }) => id);
  const keys = await newClient(service, { permissions: ['keys:admin'] });
  const reader = await newClient(service, { permissions: ['attachments:read'] });
  const admin = await newClient(service, { permissions: ['attachments:admin'] });
  const shown = async (asked: Client) => (await nodes(ids, asked)).flatMap((one) => one?.__typename ?? []);
  expect(await shown(keys)).toEqual(['ApiKey']);
  expect(await shown(admin)).toEqual(['WebhookEndpoint']);
  expect(await shown(reader)).toEqual(all.slice(0, -2).map(({ __typename }) => __typename));
});

test('reads many in as many statements as few', async () => {
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      client.upload(
        { content: `${index}`, name: `${index}.txt` },
        { record: { type: 'Page', id: `${index}` }, field: 'files' },
      ),
    ),
  );
  const links = await Promise.all(
    made.map(
      async ({ record }) =>
        (await client.ask<Found>(recordQuery, { ...record })).record.field.links[0]?.id ?? '',
    ),
  );
  const some = (count: number) => [
    ...made.slice(0, count).map(({ id }) => id),
    ...links.slice(0, count),
    ...all.map(({ id }) => id),
  ];
  const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
  await client.ask(query, { ids: some(40) });
  const three = await counter.fewest(() => client.ask(query, { ids: some(0) }));
  // Two reads of up to 16 rows may share a statement; these are longer.
  const few = await counter.fewest(() => client.ask(query, { ids: some(20) }));
  expect(await counter.fewest(() => client.ask(query, { ids: some(40) }))).toBe(few);
  expect(three).toBeLessThanOrEqual(few);
});

test('takes 100 ids, and refuses more', async () => {
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);
  expect(await nodes(ids(100))).toHaveLength(100);
  const { errors } = await client.graphql(nodesQuery, { ids: ids(101) });
  expect(errors?.[0]?.extensions).toMatchObject({
    code: 'BAD_USER_INPUT',
    limit: 100,
    details: [{ loc: ['ids'], type: 'too_many' }],
  });
});
