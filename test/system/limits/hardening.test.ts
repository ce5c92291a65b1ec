import type { AnswerError } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { RawConnection } from '../../support/raw-http.js';
import { randomKey, startService, type TestService } from '../../support/service.js';

const query = '{ viewer { organizationId } }';
const locked = "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'";

async function refusalOf(response: Response) {
  const { errors } = (await response.json()) as { errors: AnswerError[] };
  return { status: response.status, code: errors[0]?.extensions.code };
}

describe('answers', () => {
  let service: TestService;
  let url: string;
  beforeAll(async () => {
    service = await startService();
    ({ url } = await service.client.upload({ name: 'a.txt', content: 'a' }));
  });
  afterAll(() => service.close());

  const headersOf = async (asked: Promise<Response>) => Object.fromEntries((await asked).headers);
  const graphql = (document: string, headers = {}) =>
    fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: document }),
    });

  test('that are no page run nothing, are shown in no frame, and tell no other site anything', async () => {
    const { headers } = service.client;
    for (const asked of [
      graphql(query, headers),
      graphql('{', headers),
      graphql(query),
      fetch(`${service.url}/health/live`),
      fetch(`${service.url}/nothing`),
      fetch(`${service.url}/uploads/x`, { method: 'PUT', body: 'x' }),
    ]) {
      const seen = await headersOf(asked);
      expect(seen).toMatchObject({
        'content-security-policy': locked,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(seen).not.toHaveProperty('x-powered-by');
      expect(seen).not.toHaveProperty('server');
    }
  });

  test('that carry a file have a policy of their own', async () => {
    const { attachments } = await service.client.ask<{ attachments: { nodes: { downloadUrl: string }[] } }>(
      '{ attachments { nodes { downloadUrl(disposition: INLINE) } } }',
    );
    const signed = await headersOf(fetch(attachments.nodes[0]?.downloadUrl ?? ''));
    expect(signed['content-security-policy']).toMatch(/^sandbox;.*frame-ancestors \*$/);
    expect(signed['cross-origin-resource-policy']).toBe('cross-origin');
    expect(signed).not.toHaveProperty('x-frame-options');
    const own = await headersOf(service.client.download(url));
    expect(own['content-security-policy']).toBe("sandbox; default-src 'none'");
  });

  test('a page of an allowed origin can fetch a file with a credential', async () => {
    await using strict = await startService({ CORS_ORIGINS: 'https://app.example' });
    const { url } = await strict.client.upload({ name: 'a.txt', content: 'a' });
    const from = async (origin: string) => headersOf(strict.client.download(url, { origin }));
    expect((await from('https://app.example'))['access-control-allow-origin']).toBe('https://app.example');
    expect(await from('https://evil.example')).not.toHaveProperty('access-control-allow-origin');
  });

  test.each([
    ['JSON', (headers: Record<string, string>) => graphql(query, headers)],
    [
      'GET',
      (headers: Record<string, string>) =>
        fetch(`${service.url}/graphql?query=${encodeURIComponent(query)}`, {
          headers: { ...headers, 'apollo-require-preflight': 'true' },
        }),
    ],
    [
      'multipart',
      (headers: Record<string, string>) =>
        fetch(`${service.url}/graphql`, {
          method: 'POST',
          headers: { ...headers, 'apollo-require-preflight': 'true' },
          body: new FormData(),
        }),
    ],
    ['a download', (headers: Record<string, string>) => fetch(url, { headers })],
  ])('a challenge comes with every 401: %s', async (_, ask) => {
    for (const headers of [{}, { authorization: `Bearer ${randomKey()}` }, { authorization: 'Digest x' }]) {
      const response = await ask(headers as Record<string, string>);
      expect(response.headers.get('www-authenticate')).toBe(
        'Bearer realm="claimcheck", Basic realm="claimcheck"',
      );
      expect(await refusalOf(response)).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    }
  });

  test.each([
    ['one long header', `GET /health/live HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['many headers', `GET /health/live HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(1_001)}\r\n`, 431],
    ['a long URL', `GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ])('%s is too much, and said so', async (_, request, status) => {
    const connection = await RawConnection.open(service.url);
    await connection.send(request);
    const answer = await connection.response();
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({
      errors: [{ extensions: { code: 'REQUEST_TOO_LARGE' } }],
    });
    connection.destroy();
  });
});

describe('INTROSPECTION', () => {
  test('false keeps the schema back, and nothing else', async () => {
    await using service = await startService({ INTROSPECTION: 'false' });
    for (const document of ['{ __schema { types { name } } }', '{ __type(name: "Query") { name } }']) {
      const { status, errors } = await service.client.graphql(document);
      expect([status, errors?.[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    }
    const { __typename } = await service.client.ask<{ __typename: string }>('{ __typename }');
    expect(__typename).toBe('Query');
  });
});

describe('SANDBOX', () => {
  const visit = (service: TestService) =>
    fetch(`${service.url}/graphql`, { headers: { accept: 'text/html' } });

  test('is there by default, in no frame of another', async () => {
    await using service = await startService();
    const page = await visit(service);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin-allow-popups');
  });

  test('false shows none', async () => {
    await using service = await startService({ SANDBOX: 'false' });
    const page = await visit(service);
    expect(page.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await refusalOf(page)).toEqual({ status: 400, code: 'BAD_USER_INPUT' });
    const reader = await newClient(service);
    expect((await reader.graphql(query)).errors).toBeUndefined();
  });
});
