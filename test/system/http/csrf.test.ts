import { createMemoryStorage } from '../../../src/storage/memory.js';
import type { AnswerError } from '../../support/client.js';
import { formBody, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

const megabyte = 1024 * 1024;

const upload = formBody(
  graphqlForm(
    {
      query:
        'mutation ($f: Upload!) { createAttachment(input: { content: { upload: $f } }) { attachment { size } } }',
      variables: { f: null },
    },
    { 0: ['variables.f'] },
    [{ content: Buffer.alloc(2 * megabyte, 'x') }],
  ),
  'b',
);

describe('a request that a foreign page could send unasked', () => {
  let service: TestService;
  let storedObjects: number;
  let connection: RawConnection;

  beforeAll(async () => {
    const storage = createMemoryStorage();
    const create = storage.create.bind(storage);
    storage.create = (key) => {
      storedObjects += 1;
      return create(key);
    };
    service = await startService({}, { storage });
  });
  afterAll(() => service.close());

  beforeEach(async () => {
    storedObjects = 0;
    connection = await RawConnection.open(service.url);
  });
  afterEach(() => connection.destroy());

  const credential = () => ({ Authorization: `Bearer ${service.key}` });

  test.each([
    ['multipart/form-data; boundary=b'],
    ['Multipart/Form-Data;boundary=b'],
    ['  MULTIPART/FORM-DATA ; boundary="b"'],
    ['multipart/form-data'],
    ['application/x-www-form-urlencoded'],
    ['Application/X-WWW-Form-Urlencoded; charset=UTF-8'],
    ['text/plain'],
    ['TEXT/PLAIN;charset=utf-8'],
    ['text/plain; application/json'],
    [''],
    [';'],
    [undefined],
  ])('is refused with content type %p while its body is still to come', async (type) => {
    const head = requestHead('/graphql', {
      ...credential(),
      ...(type === undefined ? {} : { 'Content-Type': type }),
      'Content-Length': upload.length,
    });
    await connection.send(Buffer.concat([Buffer.from(head), upload.subarray(0, 10)]));
    expectRefused(await connection.response(2_000));

    await connection.send(upload.subarray(10));
    await expectUsable();
    expect(storedObjects).toBe(0);
  });

  test('is refused before its credential is looked at', async () => {
    await connection.send(
      requestHead('/graphql', { Authorization: 'Bearer cck_wrong', 'Content-Type': 'text/plain' }),
    );
    expectRefused(await connection.response());
  });

  test.each([['Apollo-Require-Preflight'], ['apollo-require-preflight'], ['X-Apollo-Operation-Name']])(
    'is accepted with the header %s, which no page can send unasked',
    async (name) => {
      await connection.send(
        requestHead('/graphql', {
          ...credential(),
          [name]: 'upload',
          'Content-Type': 'Multipart/Form-Data; Boundary=b',
          'Content-Length': upload.length,
        }),
      );
      await connection.send(upload);
      const { status, body } = await connection.response();
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({
        data: { createAttachment: { attachment: { size: 2 * megabyte } } },
      });
      expect(storedObjects).toBe(1);
    },
  );

  test('is not accepted with the header left empty', async () => {
    await connection.send(
      requestHead('/graphql', {
        ...credential(),
        'Apollo-Require-Preflight': '',
        'X-Apollo-Operation-Name': '',
        'Content-Type': 'multipart/form-data; boundary=b',
        'Content-Length': upload.length,
      }),
    );
    expectRefused(await connection.response());
  });

  test.each([
    ['text/plain', 'x'],
    ['application/x-www-form-urlencoded', 'query={__typename}'],
    ['application/xml', '<query/>'],
    ['multipart/mixed; boundary=b', '--b--'],
  ])('has no use of the header, either, with content type %s', async (type, content) => {
    const headers = { ...credential(), 'Apollo-Require-Preflight': 'true', 'Content-Type': type };
    await connection.send(
      requestHead('/graphql', { ...headers, 'Content-Length': content.length }) + content,
    );
    const { status, body } = await connection.response();
    expect({ status, code: errorOf(body).extensions.code }).toEqual({ status: 400, code: 'BAD_USER_INPUT' });
    await expectUsable();
  });

  test('by GET needs the header too, and can only query', async () => {
    const get = (query: string, headers: Record<string, string> = {}) =>
      fetch(`${service.url}/graphql?query=${encodeURIComponent(query)}`, {
        headers: { ...service.client.headers, ...headers },
      });
    const preflighted = { 'apollo-require-preflight': 'true' };
    const { id } = await service.client.upload({ content: 'kept' });
    const mutation = `mutation { deleteAttachment(input: { attachmentId: "${id}" }) { deletedAttachmentId } }`;

    const refused = await get('{ viewer { organizationId } }');
    expect({ status: refused.status, text: await refused.text() }).toEqual({
      status: 400,
      text: expect.stringMatching(/Cross-Site Request Forgery.+BAD_USER_INPUT/s),
    });
    expect((await get('{ viewer { organizationId } }', preflighted)).status).toBe(200);
    expect((await get(mutation)).status).toBe(400);
    const mutated = await get(mutation, preflighted);
    expect({ status: mutated.status, allow: mutated.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST',
    });
    expect(errorOf(await mutated.text()).extensions.code).toBe('BAD_USER_INPUT');
    expect((await service.client.ask<{ node: object | null }>(`{ node(id: "${id}") { id } }`)).node).toEqual({
      id,
    });
  });

  function expectRefused({ status, body }: { status: number; body: string }): void {
    expect(status).toBe(400);
    expect(errorOf(body).extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: ['headers', 'apollo-require-preflight'], type: 'csrf' }],
    });
  }

  /** The connection carries the next request. */
  async function expectUsable(): Promise<void> {
    await connection.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await connection.response()).status).toBe(200);
  }
});

function errorOf(body: string): AnswerError {
  const [error] = (JSON.parse(body) as { errors: [AnswerError] }).errors;
  return error;
}
