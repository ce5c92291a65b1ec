import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const volatile = /^(date|x-request-id|x-ratelimit-.*)$/;

async function send(accept: string, body: object, authorization: string | null) {
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
    body: JSON.stringify(body),
  });
  const headers = [...response.headers].filter(([name]) => !volatile.test(name));
  return { status: response.status, headers, text: await response.text() };
}

const plain = { query: '{ __typename }' };
const read = 'query Read($id: ID!) { attachment(id: $id) { id } }';
const rename = 'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }';
const types = Array.from({ length: 30 }, (_, index) => `t${index}: __type(name: "Attachment") { ...T }`);

describe('the first answer to an Accept header, which Apollo Server gives, and later ones are alike', () => {
  test.each<[string, object, status: number]>([
    ['an answer', { query: '{ viewer { organizationId } }' }, 200],
    ['null', { query: read, variables: { id: 'none' } }, 200],
    ['an operation by its name', { query: `${read} query Two { __typename }`, operationName: 'Two' }, 200],
    [
      'null for all that may be left out',
      { ...plain, operationName: null, variables: null, extensions: null },
      200,
    ],
    [
      'a mutation that fails',
      { query: rename, variables: { input: { attachmentId: 'x', fileName: 'y' } } },
      200,
    ],
    ['a query that fails', { query: 'query { attachments(first: 5000) { nodes { id } } }' }, 200],
    ['a variable that lacks', { query: read, variables: {} }, 400],
    ['a variable of another type', { query: read, variables: { id: { a: 1 } } }, 400],
    ['a persisted query', { ...plain, extensions: { persistedQuery: { version: 1, sha256Hash: 'a' } } }, 200],
    ['extensions that are no object', { ...plain, extensions: 'a' }, 400],
    ['variables that are no object', { ...plain, variables: '{}' }, 400],
    ['a name that is no text', { ...plain, operationName: 1 }, 400],
    [
      'a long introspection',
      { query: `{ ${types.join(' ')} } fragment T on __Type { fields { name description } }` },
      200,
    ],
  ])('%s', async (name, body, status) => {
    for (const type of ['application/json', 'application/graphql-response+json']) {
      const accept = `${type}, text/x-${name.replaceAll(' ', '-')}`;
      const key = `Bearer ${service.key}`;
      const first = await send(accept, body, key);
      await send(accept, plain, key);
      expect(await send(accept, body, key)).toEqual(first);
      expect([first.status, new Map(first.headers).get('content-type')]).toEqual([
        status,
        status === 400 ? expect.any(String) : `${type}; charset=utf-8`,
      ]);
    }
  });

  test('without a credential', async () => {
    const body = { query: '{ viewer { organizationId } }' };
    const first = await send('application/json, text/x-anonymous', body, null);
    await send('application/json, text/x-anonymous', plain, null);
    expect(await send('application/json, text/x-anonymous', body, null)).toEqual(first);
    expect([first.status, new Map(first.headers).has('www-authenticate')]).toEqual([401, true]);
  });

  test('a header that accepts nothing of ours is refused each time', async () => {
    for (let time = 0; time < 3; time += 1) {
      expect((await send('text/html', plain, `Bearer ${service.key}`)).status).toBe(406);
    }
  });
});
