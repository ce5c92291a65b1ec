import { onAttachment } from '../../service/live/live-client.js';
import type { AnswerError } from '../../support/client.js';
import { RawConnection } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const paths: Record<string, string[]> = {
  '/': ['GET', 'HEAD', 'OPTIONS'],
  '/attachments': ['OPTIONS'],
  '/attachments/01980000-0000-7000-8000-000000000000/a.txt': ['GET', 'HEAD', 'OPTIONS'],
  '/graphql': ['GET', 'HEAD', 'POST', 'OPTIONS'],
  '/graphql/': ['GET', 'HEAD', 'POST', 'OPTIONS'],
  '/uploads': ['POST', 'OPTIONS'],
  '/uploads/token': ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  '/s/token': ['GET', 'HEAD', 'OPTIONS'],
  '/.well-known/jwks.json': ['GET', 'HEAD', 'OPTIONS'],
  '/health/live': ['GET', 'HEAD', 'OPTIONS'],
  '/health/ready': ['GET', 'HEAD', 'OPTIONS'],
  '/metrics': ['GET', 'HEAD', 'OPTIONS'],
};

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY'];

const wrong = Object.entries(paths).flatMap(([path, allowed]) =>
  methods.filter((method) => !allowed.includes(method)).map((method) => ({ path, method, allowed })),
);

describe('a method that the path does not answer', () => {
  test.each(wrong)('$method $path is 405 with Allow', async ({ path, method, allowed }) => {
    if (method === 'HEAD') {
      const { status, headers } = await fetch(`${service.url}${path}`, { method });
      expect([status, headers.get('allow')]).toEqual([405, allowed.join(', ')]);
      return;
    }
    const connection = await RawConnection.open(service.url);
    await connection.send(`${method} ${path}?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`);
    const { status, headers, body } = await connection.response();
    expect([status, headers.get('allow')?.split(', ').toSorted()]).toEqual([405, allowed.toSorted()]);
    const { errors } = JSON.parse(body) as { errors: [AnswerError] };
    expect(errors[0].extensions.details).toMatchObject([{ loc: ['method'], type: 'method_not_allowed' }]);
    connection.destroy();
  });

  test('is still 404 where no path is', async () => {
    for (const path of ['/attachment', '/attachments/', '/graphql//', '/graphql/x', '/upload']) {
      const { status, headers } = await fetch(`${service.url}${path}`, { method: 'PATCH' });
      expect([path, status, headers.get('allow')]).toEqual([path, 404, null]);
    }
  });
});

test('/graphql/ answers as /graphql does', async () => {
  const body = JSON.stringify({ query: '{ viewer { organizationId } }' });
  const headers = { ...service.client.headers, 'content-type': 'application/json' };
  const posted = await fetch(`${service.url}/graphql/`, { method: 'POST', headers, body });
  expect([posted.status, await posted.json()]).toMatchObject([200, { data: { viewer: {} } }]);
  const address = `${service.url}/graphql/?query=${encodeURIComponent('{ viewer { organizationId } }')}`;
  const got = await fetch(address, { headers: { ...headers, 'apollo-require-preflight': 'true' } });
  expect([got.status, await got.json()]).toMatchObject([200, { data: { viewer: {} } }]);
});

test('/graphql/ takes subscriptions as /graphql does', async () => {
  const { id } = await service.client.upload({ content: 'x' });
  const { createClient } = await import('graphql-ws');
  const { WebSocket } = await import('ws');
  const client = createClient({
    url: `${service.url.replace('http', 'ws')}/graphql/`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${service.key}` },
  });
  const ended = new Promise<void>((resolve, reject) => {
    client.subscribe(onAttachment(id), { next: () => undefined, complete: resolve, error: reject });
  });
  client.on('connected', async () => {
    await service.client.ask(
      'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
      { id },
    );
  });
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
  await client.dispose();
  await ended;
});
