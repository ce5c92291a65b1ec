import type { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { eventually, onAttachment, onRecord, openLive, type Told } from './live-client.js';
import { StreamClient } from './stream-client.js';

const counter = new StatementCounter();
let service: TestService;
beforeAll(async () => {
  service = await startService({}, { statementLogger: counter });
});
afterAll(() => service.close());

const clients: StreamClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function open(key: string | null = service.key, isSingle = false): StreamClient {
  const client = new StreamClient(service.url, key, { isSingle });
  clients.push(client);
  return client;
}

const rename = (attachmentId: string, fileName: string) =>
  service.client.ask(
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
    {
      input: { attachmentId, fileName },
    },
  );

const remove = (id: string) =>
  service.client.ask(
    'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
    { id },
  );

/** Renames until each has been told: nothing else says that all have begun. */
async function hearAll(attachmentId: string, told: readonly Told[]): Promise<void> {
  for (let time = 0; told.some(({ events }) => events.length === 0); time += 1) {
    if (time > 50) throw new Error(`Not all have begun: ${JSON.stringify(told)}`);
    await rename(attachmentId, `${time}.txt`);
    await Promise.all(told.map((each) => each.until(() => true, 300).catch(() => undefined)));
  }
}

const upload = () => service.client.upload({ content: 'x', name: 'x.txt' });
const isNamed = (name: string) => (event: object) => JSON.stringify(event).includes(name);
const viewer = '{ viewer { organizationId } }';

describe.each([
  ['a stream for each operation', false],
  ['one stream for all', true],
])('%s', (_mode, isSingle) => {
  test('changes are told, and the deletion completes', async () => {
    const { id } = await upload();
    const told = open(service.key, isSingle).subscribe(onAttachment(id, 'id fileName'));
    await hearAll(id, [told]);
    await rename(id, 'später "é".txt');
    await told.until(isNamed('später'));
    expect(told.events.at(-1)).toEqual({ id, fileName: 'später "é".txt' });
    await remove(id);
    await told.completed();
    expect([told.errors, told.status]).toEqual([[], null]);
  });

  test('queries and mutations are answered, however large the answer', async () => {
    const client = open(service.key, isSingle);
    const { viewer: known } = await service.client.ask<{ viewer: object }>(viewer);
    const asked = client.subscribe({ query: viewer });
    await asked.completed();
    expect(asked.data).toEqual({ viewer: known });
    const { id } = await upload();
    const changed = client.subscribe({
      query: `mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { description { raw } } } }`,
      variables: { input: { attachmentId: id, description: 'd'.repeat(9_000) } },
    });
    await changed.completed();
    expect(changed.data).toMatchObject({ updateAttachment: { attachment: { description: {} } } });
    const aliases = Array.from(
      { length: 20 },
      (_, at) => `a${at}: attachment(id: "${id}") { description { raw html } }`,
    );
    const large = client.subscribe({ query: `{ ${aliases.join(' ')} }` });
    await large.completed();
    expect(JSON.stringify(large.data).length).toBeGreaterThan(20 * 18_000);
  });

  test('content in a body is stored before the answer', async () => {
    const client = open(service.key, isSingle);
    const told = client.subscribe({
      query: `mutation ($base64: String!) { createAttachment(input: { content: { base64: $base64 }, fileName: "a.txt" }) {
        attachment { id size } } }`,
      variables: { base64: Buffer.alloc(1_500_000, 'x').toString('base64') },
    });
    await told.completed();
    expect([told.errors, told.data]).toMatchObject([
      [],
      { createAttachment: { attachment: { size: 1_500_000 } } },
    ]);
  });

  test.each<[string, { query: string; variables?: Record<string, unknown> }, object]>([
    [
      'no GraphQL',
      { query: '{ viewer' },
      { code: 'BAD_USER_INPUT', details: [{ type: 'graphql_parse_failed' }] },
    ],
    ['an unknown field', { query: '{ a }' }, { details: [{ type: 'graphql_validation_failed' }] }],
    [
      'two operations',
      { query: 'query A { __typename } query B { __typename }' },
      { details: [{ type: 'transport' }] },
    ],
    [
      'a variable of the wrong type',
      { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: {} } },
      { code: 'BAD_USER_INPUT' },
    ],
    [
      'a variable that is missing',
      { query: 'query ($id: ID!) { node(id: $id) { id } }' },
      { code: 'BAD_USER_INPUT' },
    ],
    [
      'too many tokens',
      { query: `{ ${'__typename '.repeat(3_000)} }` },
      { code: 'QUERY_TOO_COMPLEX', limit: 2_000 },
    ],
    [
      'too much',
      {
        query:
          'subscription { attachmentChanged(attachmentId: "x") { links(first: 1000) { nodes { attachment { links(first: 1000) { nodes { position } } } } } } }',
      },
      { code: 'QUERY_TOO_COMPLEX' },
    ],
    [
      'an attachment that is not there',
      onAttachment('01980000-0000-7000-8000-000000000000', 'id'),
      { code: 'NOT_FOUND' },
    ],
    [
      'both arguments',
      {
        query: 'subscription { attachmentChanged(attachmentId: "x", record: { type: "T", id: "1" }) { id } }',
      },
      { details: [{ type: 'exactly_one' }, { type: 'exactly_one' }] },
    ],
  ])('%s is refused by an event, and the stream goes on', async (_what, operation, expected) => {
    const client = open(service.key, isSingle);
    const beside = client.subscribe(onRecord({ type: 'Task', id: 'beside' }, 'id'));
    const told = client.subscribe(operation);
    expect(await told.refused()).toMatchObject(expected);
    await told.completed();
    expect([told.errors.length, told.status, beside.status]).toEqual([1, null, null]);
    const next = client.subscribe({ query: viewer });
    await next.completed();
    expect(next.data).not.toBeNull();
  });

  test('ends with its key, and with no other', async () => {
    const { id } = await service.client.upload({ content: 'x' }, { record: { type: 'Task', id: 'key' } });
    const made = await service.client.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
      'mutation { createApiKey(input: { name: "x", permissions: ["attachments:read"] }) { secret apiKey { id } } }',
    );
    const { secret, apiKey } = made.createApiKey;
    const [ending, staying] = [open(secret, isSingle), open(service.key, isSingle)].map((client) =>
      client.subscribe(onAttachment(id, 'id fileName')),
    ) as [Told, Told];
    await hearAll(id, [ending, staying]);
    await service.client.ask('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { id } } }', {
      id: apiKey.id,
    });
    await ending.settle(() => ending.status !== null);
    expect([ending.isComplete, ending.status]).toEqual([false, 0]);
    const { length } = ending.events;
    await rename(id, 'after.txt');
    await staying.until(isNamed('after.txt'));
    expect([staying.status, ending.events.length]).toEqual([null, length]);
    const again = open(secret, isSingle).subscribe(onAttachment(id, 'id'));
    await again.settle(() => again.status !== null);
    expect(again.status).toBe(401);
  });

  test.each<[string, (service: TestService) => Promise<string | null>, number]>([
    ['no credential', async () => null, 401],
    ['an unknown key', async () => 'cck_00000000000000000000000000000000', 401],
    [
      'no permission to read',
      async (s) => (await newClient(s, { permissions: ['attachments:write'] })).key,
      403,
    ],
  ])('%s subscribes to nothing', async (_what, keyOf, status) => {
    const told = open(await keyOf(service), isSingle).subscribe(onRecord({ type: 'Task', id: '1' }, 'id'));
    await told.settle(() => told.status !== null);
    expect([told.status, told.events]).toEqual([status, []]);
  });

  test('ends its subscriptions when its client goes', async () => {
    const { id } = await upload();
    const client = open(service.key, isSingle);
    const told = [
      client.subscribe(onAttachment(id, 'id')),
      client.subscribe(onAttachment(id, 'fileName id')),
    ];
    await hearAll(id, told);
    const count = async () =>
      Number(
        /^claimcheck_event_streams_open (\d+)/m.exec(
          await (await fetch(`${service.url}/metrics`)).text(),
        )?.[1],
      );
    expect(await count()).toBe(isSingle ? 1 : 2);
    expect(client.connected).toBe(isSingle ? 1 : 2);
    client.close();
    for (let left = await count(); left > 0; left = await count());
    await rename(id, 'nobody.txt');
  });
});

test('streams and sockets that ask for the same share what is read', async () => {
  const record = { type: 'Task', id: 'shared' };
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
  const colleagues: Client[] = [];
  for (let count = 0; count < 10; count += 1) colleagues.push(await newClient(service));
  const operation = onAttachment(id, 'id fileName createdBy { id } links { totalCount }');
  const lives = await Promise.all(colleagues.map(({ key }) => openLive(service.url, key)));
  const told = [
    ...colleagues.map(({ key }) => open(key).subscribe(operation)),
    ...colleagues.map(({ key }) => open(key, true).subscribe(operation)),
    ...lives.map((live) => live.subscribe(operation)),
  ];
  await hearAll(id, told);
  const statements = await counter.during(async () => {
    await rename(id, 'renamed.txt');
    await Promise.all(told.map((each) => each.until(isNamed('renamed.txt'))));
  });
  const shared = statements.filter((statement) => !/"api_keys"|"principals"/.test(statement));
  expect(shared.length).toBeLessThan(told.length);
  for (const live of lives) live.close();
});

test('a stream that ends itself is told from one that is broken off', async () => {
  const { id } = await upload();
  const told = open(service.key, true).subscribe(onAttachment(id, 'id'));
  await hearAll(id, [told]);
  told.end();
  await eventually(() => told.isComplete || told.status !== null);
  expect([told.isComplete, told.status]).toEqual([true, null]);
});
