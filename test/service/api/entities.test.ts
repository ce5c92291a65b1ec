import { printSubgraph } from '../../../src/graphql/print-schema.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { Client } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { type PolicyServer, startPolicyServer } from '../access/policy-server.js';

const counter = new StatementCounter();
let policy: PolicyServer;
let service: TestService;
beforeAll(async () => {
  policy = await startPolicyServer();
  service = await startService(
    { FEDERATION: 'true', RECORD_AUTHORIZER_URL: policy.url },
    { statementLogger: counter },
  );
});
afterAll(async () => {
  await service.close();
  await policy.close();
});
afterEach(() => {
  policy.decide = () => true;
});

const selection = `__typename
  ... on Attachment { id fileName }
  ... on HostRecord { type recordId attachments(first: 3) { nodes { id } } }`;
const operation = (selected = selection) =>
  `query ($representations: [_Any!]!) { _entities(representations: $representations) { ${selected} } }`;
const ask = (representations: unknown, { client = service.client, selected = selection } = {}) =>
  client.graphql<{ _entities: unknown[] }>(operation(selected), { representations });
const attachment = (id: unknown) => ({ __typename: 'Attachment', id });
const record = (type: unknown, recordId: unknown) => ({ __typename: 'HostRecord', type, recordId });
const upload = (name: string, input: object = {}) =>
  service.client.upload({ content: name, name: `${name}.txt` }, input);

const never = '01a1fb65-08c0-765b-84f5-000000000000';

describe('_entities', () => {
  test('answers each representation in its place, whatever else is in it', async () => {
    const { id } = await upload('mine', { record: { type: 'Order', id: '7' } });
    const { data, errors } = await ask([
      record('Order', 7),
      { ...attachment(id), price: { net: [1, 2] } },
      attachment(never),
      record('Order', 'of nobody'),
      attachment(id.toUpperCase()),
      attachment('../etc/passwd'),
      attachment(id),
    ]);
    const found = { __typename: 'Attachment', id, fileName: 'mine.txt' };
    expect(errors).toBeUndefined();
    expect(data?._entities).toEqual([
      { ...record('Order', '7'), attachments: { nodes: [{ id }] } },
      found,
      null,
      { ...record('Order', 'of nobody'), attachments: { nodes: [] } },
      found,
      null,
      found,
    ]);
    expect((await ask(attachment(id))).data?._entities).toEqual([found]);
    const literal = `{ _entities(representations: [{ __typename: "HostRecord", type: "Order", recordId: 7 }]) { ${selection} } }`;
    expect((await service.client.graphql<{ _entities: object[] }>(literal)).data?._entities).toEqual([
      { ...record('Order', '7'), attachments: { nodes: [{ id }] } },
    ]);
  });

  test('reads all attachments in one go, and records not at all', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 100; index += 1) ids.push((await upload(`file ${index}`)).id);
    const count = (representations: object[], selected: string) =>
      counter.fewest(async () => {
        const { data } = await ask(representations, { selected });
        expect(data?._entities).not.toContain(null);
      });
    const one = await count([attachment(ids[0])], '... on Attachment { fileName }');
    expect(await count(ids.map(attachment), '... on Attachment { fileName }')).toBe(one);
    const records = ids.map((id) => record('Order', id));
    expect(await count(records, '... on HostRecord { type recordId }')).toBe(one - 1);
  });

  test('shows an unclaimed attachment to its creator alone', async () => {
    const { id } = await upload('private');
    const client = await newClient(service);
    expect((await ask([attachment(id)], { client })).data?._entities).toEqual([null]);
    expect((await ask([attachment(id)])).data?._entities).toMatchObject([{ id }]);
  });

  test('asks the record authorizer as a direct read does', async () => {
    const [hidden, shown] = [await uploadElsewhere('hidden'), await uploadElsewhere('shown')];
    policy.decide = (asked) => asked.record.id !== 'hidden';
    const { data, errors } = await ask([
      attachment(hidden.id),
      attachment(shown.id),
      record('Secret', 'hidden'),
    ]);
    expect(errors).toBeUndefined();
    expect(data?._entities).toEqual([
      null,
      { __typename: 'Attachment', id: shown.id, fileName: 'shown.txt' },
      { ...record('Secret', 'hidden'), attachments: { nodes: [] } },
    ]);
  });

  test('neither shows nor hides what the record authorizer cannot decide, and answers the others', async () => {
    const [unknown, shown] = [await uploadElsewhere('unknown'), await uploadElsewhere('known')];
    policy.decide = (asked) => {
      if (asked.record.id === 'unknown') throw new Error('The policy fails.');
      return true;
    };
    const { data, errors } = await ask([attachment(unknown.id), attachment(shown.id)]);
    expect(data?._entities).toMatchObject([null, { id: shown.id }]);
    expect(errors).toMatchObject([
      { path: ['_entities', 0], extensions: { code: 'AUTHORIZER_UNAVAILABLE' } },
    ]);
  });
});

/** By somebody else, about whom other questions are asked, so that no answer is remembered. */
const uploadElsewhere = async (id: string) =>
  (await newClient(service)).upload({ content: id, name: `${id}.txt` }, { record: { type: 'Secret', id } });

describe('representations', () => {
  const fault = (type: string, ...loc: (string | number)[]) => ({
    type,
    loc: ['representations', ...loc],
    msg: expect.any(String),
  });

  test('are refused with every fault at its place', async () => {
    const { status, data, errors } = await ask([
      7,
      [],
      {},
      { __typename: 'Viewer' },
      { __typename: '__proto__' },
      { __typename: 'constructor', id: 'x' },
      { id: never },
      attachment(undefined),
      attachment({ id: never }),
      attachment(1.5),
      attachment(''),
      attachment('x'.repeat(256)),
      attachment('\0'),
      record('T', null),
      record(['T'], '\n'),
      { ...record('T', '1'), pad: 'x'.repeat(4_096) },
      attachment(never),
    ]);
    expect([status, data]).toEqual([200, null]);
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      limit: 255,
      details: [
        fault('bad_user_input', 0),
        ...[1, 2, 3, 4, 5, 6].map((index) => fault('unknown_entity', index, '__typename')),
        fault('bad_user_input', 7, 'id'),
        fault('bad_user_input', 8, 'id'),
        fault('bad_user_input', 9, 'id'),
        fault('empty', 10, 'id'),
        fault('too_long', 11, 'id'),
        fault('control_character', 12, 'id'),
        fault('bad_user_input', 13, 'recordId'),
        fault('bad_user_input', 14, 'type'),
        fault('empty', 14, 'recordId'),
        fault('control_character', 14, 'recordId'),
        fault('too_long', 15),
      ],
    });
  });

  test.each([101, 1_000, 10_000])('are refused if there are %d', async (count) => {
    const { data, errors } = await ask(Array(count).fill({ __typename: 'Nothing' }));
    expect(data).toBeNull();
    expect(errors?.map(({ extensions }) => extensions)).toEqual([
      { code: 'BAD_USER_INPUT', limit: 100, details: [fault('too_many')] },
    ]);
  });

  test.each([null, 'x', 1])('are refused if they are %p', async (representations) => {
    const { errors } = await ask(representations);
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });

  test('lose no digit of an id', async () => {
    const { errors } = await service.client.graphql(
      `{ _entities(representations: [{ __typename: "HostRecord", type: "T", recordId: 12345678901234567890 }]) { __typename } }`,
    );
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ msg: expect.stringContaining('12345678901234567890') }],
    });
  });

  test('cost as much as so many of them', async () => {
    const selected = `... on HostRecord { attachments(first: 100) { nodes { links(first: 20) { nodes { position } } } } }`;
    const some = Array.from({ length: 50 }, (_, index) => record('Order', `${index}`));
    expect((await ask(some, { selected })).errors).toBeUndefined();
    const refusal = { status: 400, errors: [{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 250_000 } }] };
    const twice = [...some, ...some];
    expect(await ask(twice, { selected })).toMatchObject(refusal);
    const literal = `{ _entities(representations: [${twice.map(() => '{ __typename: "HostRecord", type: "T", recordId: 1 }').join(' ')}]) { ${selected} } }`;
    expect(await service.client.graphql(literal)).toMatchObject(refusal);
  });
});

describe('_service', () => {
  const sdlFor = (client: Client) => client.graphql<{ _service: { sdl: string } }>('{ _service { sdl } }');
  const sdl = printSubgraph(createSchema());

  test('tells the subgraph to whoever asks', async () => {
    expect((await sdlFor(new Client(service.url, null))).data?._service.sdl).toBe(sdl);
    expect((await sdlFor(service.client)).data?._service.sdl).toBe(sdl);
  });

  test('tells it only to those with a credential where introspection is switched off', async () => {
    await using closed = await startService({ FEDERATION: 'true', INTROSPECTION: 'false' });
    const { status, data, errors } = await sdlFor(new Client(closed.url, null));
    expect([status, data, errors?.[0]?.extensions.code]).toEqual([401, null, 'UNAUTHENTICATED']);
    const client = await newClient(closed, { permissions: [] });
    expect((await sdlFor(client)).data?._service.sdl).toBe(sdl);
  });

  test('traces nothing for a gateway that asks for it', async () => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        ...service.client.headers,
        'content-type': 'application/json',
        'apollo-federation-include-trace': 'ftv1',
      },
      // Apollo Server itself answers what is no operation.
      body: JSON.stringify({ query: '{ nothing }' }),
    });
    expect(Object.keys((await response.json()) as object)).toEqual(['errors']);
  });
});

test('a service that is no subgraph has neither', async () => {
  await using alone = await startService();
  for (const query of ['{ _service { sdl } }', '{ _entities(representations: []) { __typename } }']) {
    const { status, errors } = await alone.client.graphql(query);
    expect([status, errors?.[0]?.extensions.details[0]?.type]).toEqual([400, 'graphql_validation_failed']);
  }
});
