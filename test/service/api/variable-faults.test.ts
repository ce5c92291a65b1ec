import type { Answer } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import { LiveSocket } from '../live/live-socket.js';
import { StreamClient } from '../live/stream-client.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const create = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { id } }
}`;
const good = { content: { base64: 'eA==' }, fileName: 'a.txt' };
const uri = 'https://receiver.example/';
const interactions = ['ATTACHMENT_APPROVED'];

type Told = Pick<Answer<unknown>, 'errors'>;

const placesOf = ({ errors = [] }: Told) =>
  errors.flatMap(({ extensions }) => extensions.details.map(({ loc, type }) => `${loc.join('.')} ${type}`));

test.each<[string, unknown, string[]]>([
  ['no input', null, ['input bad_user_input']],
  ['an input that is none', 7, ['input bad_user_input']],
  ['a wrong member', { ...good, content: 7 }, ['input.content bad_user_input']],
  ['a missing member', { ...good, record: { type: 'T' } }, ['input.record bad_user_input']],
  [
    'a wrong member of an item',
    {
      ...good,
      webhooks: [
        { uri, interactions },
        { uri: 7, interactions: ['NEVER'] },
      ],
    },
    ['input.webhooks.1.uri bad_user_input', 'input.webhooks.1.interactions.0 bad_user_input'],
  ],
  [
    'several wrong members',
    { ...good, fileName: 7, description: {}, digest: { algorithm: 'MD5', hash: 5 } },
    ['input.description bad_user_input', 'input.digest.hash bad_user_input', 'input.fileName bad_user_input'],
  ],
])('variables with %s are refused with the place of each fault', async (_, input, places) => {
  // The first answers come by way of another part of the service than those that follow.
  for (let time = 0; time < 3; time += 1) {
    const answer = await service.client.graphql(create, { input });
    expect([answer.status, answer.data, placesOf(answer).toSorted()]).toEqual([
      400,
      undefined,
      places.toSorted(),
    ]);
    for (const { message, extensions } of answer.errors ?? []) {
      expect(message).toMatch(/^Variable "\$input" /);
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', details: [{ msg: message }] });
    }
  }
});

test('variables that are absent, or wrong one by one, are each named', async () => {
  const query =
    'query ($id: ID!, $first: Int, $type: String! = "T") { node(id: $id) { id } attachments(first: $first) { totalCount } record(type: $type, id: $id) { id } }';
  const answer = await service.client.graphql(query, { first: 'many' });
  expect(placesOf(answer)).toEqual(['id bad_user_input', 'first bad_user_input']);
});

test('an instant whose year would have five digits in UTC, or none, is refused, and the last and the first ones are not', async () => {
  const beyond = ['9999-12-31T23:59:59.999-00:01', '0000-01-01T00:00:00.000+00:01'];
  const count = (filter: string) => `attachments(filter: ${filter}) { totalCount }`;
  const inVariables = `query ($filter: AttachmentFilter!) { ${count('$filter')} }`;
  for (const createdAfter of beyond) {
    const answer = await service.client.graphql(inVariables, { filter: { createdAfter } });
    expect([answer.status, placesOf(answer)]).toEqual([400, ['filter.createdAfter bad_user_input']]);
    const literal = await service.client.graphql(`{ ${count(`{ createdAfter: "${createdAfter}" }`)} }`);
    expect([literal.status, literal.errors?.[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
  }
  const key = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { expiresAt } } }`;
  const last = { name: 'last', permissions: [], expiresAt: '9999-12-31T23:59:59.999Z' };
  expect(await service.client.ask(key, { input: last })).toEqual({
    createApiKey: { apiKey: { expiresAt: last.expiresAt } },
  });
  const first = { createdAfter: '0000-01-01T00:00:00.000Z', createdBefore: '0000-01-01T00:00:00.001Z' };
  expect((await service.client.graphql(inVariables, { filter: first })).errors).toBeUndefined();
});

test('the place is the same in a form, in long variables and without a name to suggest', async () => {
  const form = await service.client.tryUpload({ content: 'x' }, { description: 7 });
  expect(placesOf(form)).toEqual(['input.description bad_user_input']);
  const description = 'long '.repeat(10_000);
  const long = await service.client.graphql(create, { input: { ...good, description, digest: 7 } });
  expect(placesOf(long)).toEqual(['input.digest bad_user_input']);
  await using closed = await startService({ INTROSPECTION: 'false' });
  for (let time = 0; time < 2; time += 1) {
    const answer = await closed.client.graphql(create, { input: { ...good, filename: 'b.txt' } });
    expect(placesOf(answer)).toEqual(['input bad_user_input']);
    expect(JSON.stringify(answer.errors)).not.toContain('Did you mean');
  }
});

test('the place is the same over event streams and WebSocket', async () => {
  const client = new StreamClient(service.url, service.key);
  const socket = await LiveSocket.acknowledged(service.url, service.key);
  const query = 'subscription ($record: RecordInput) { attachmentChanged(record: $record) { id } }';
  const variables = { record: { type: 7, id: [] } };
  const places = ['record.id bad_user_input', 'record.type bad_user_input'];
  for (const operation of [
    { query, variables },
    { query: create, variables: { input: { ...good, fileName: 7 } } },
  ]) {
    const told = client.subscribe(operation);
    await told.completed();
    const errors = told.errors as unknown as Answer<unknown>['errors'];
    expect(placesOf({ errors }).toSorted()).toEqual(
      operation.query === query ? places : ['input.fileName bad_user_input'],
    );
  }
  socket.say({ type: 'subscribe', id: '1', payload: { query, variables } });
  const { payload } = await socket.hears('next');
  expect(placesOf(payload as Told).toSorted()).toEqual(places);
  socket.end();
  client.close();
});
