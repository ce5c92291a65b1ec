import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { onRecord, openLive } from './live-client.js';
import { StreamClient } from './stream-client.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const root = 'attachmentChanged(record: { type: "T", id: "1" })';
const documents = [
  ['a variable', `subscription ($x: Boolean!) { ${root} @skip(if: $x) { id } }`],
  ['a variable with a default', `subscription ($x: Boolean = false) { ${root} @skip(if: $x) { id } }`],
  [
    'a variable for a fragment',
    `subscription ($x: Boolean!) { ...F @include(if: $x) } fragment F on Subscription { ${root} { id } }`,
  ],
  [
    'a variable for a fragment in place',
    `subscription ($x: Boolean!) { ... @include(if: $x) { ${root} { id } } }`,
  ],
  ['null', `subscription { ${root} @skip(if: null) { id } }`],
  ['a text', `subscription { ${root} @include(if: "true") { id } }`],
  ['nothing', `subscription { ${root} @include { id } }`],
  [
    'a variable beside another fault',
    `{ nope } subscription ($x: Boolean!) { ${root} @skip(if: $x) { id } }`,
  ],
] as const;

const refused = {
  code: 'BAD_USER_INPUT',
  details: [
    {
      loc: ['query', 1, expect.any(Number)],
      msg: 'The root of a subscription takes @skip and @include with true or false alone.',
      type: 'graphql_validation_failed',
    },
  ],
};

describe.each(documents)('a subscription whose root depends on %s is refused', (_, query) => {
  const operation = { query, variables: { x: false } };

  test('by POST, whoever asks', async () => {
    for (const client of [service.client, new Client(service.url, null)]) {
      const { status, errors } = await client.graphql(query, operation.variables);
      expect([status, errors?.map(({ extensions }) => extensions)]).toEqual([400, [refused]]);
    }
  });

  test('by WebSocket, which stays open for the others on it', async () => {
    const live = await openLive(service.url, service.key);
    const beside = live.subscribe(onRecord({ type: 'Task', id: 'beside' }, 'id'));
    expect(await live.subscribe(operation).refused()).toEqual(refused);
    expect(beside.errors).toEqual([]);
    const { id } = await service.client.upload({ content: 'x' }, { record: { type: 'Task', id: 'beside' } });
    await service.client.ask(
      'mutation ($id: ID!) { updateAttachment(input: { attachmentId: $id, fileName: "y.txt" }) { __typename } }',
      { id },
    );
    await beside.until(() => true);
    live.close();
  });

  test('by an event stream', async () => {
    const client = new StreamClient(service.url, service.key, { isSingle: false });
    expect(await client.subscribe(operation).refused()).toEqual(refused);
    client.close();
  });
});

test('a root that depends on true or false is one like any other', async () => {
  const live = await openLive(service.url, service.key);
  const told = live.subscribe({
    query: `subscription { ${root} @include(if: true) @skip(if: false) { id } }`,
  });
  expect(await live.subscribe({ query: '{ viewer { organizationId } }' }).refused()).toMatchObject({
    details: [{ type: 'transport' }],
  });
  expect(told.errors).toEqual([]);
  live.close();
});
