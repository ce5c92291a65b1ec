import { startService, type TestService } from '../../support/service.js';

const uploadHeaders = 'authorization,apollo-require-preflight,content-type';
const exposed = [
  'Content-Disposition',
  'Content-Range',
  'Accept-Ranges',
  'ETag',
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Retry-After',
  'WWW-Authenticate',
  'Location',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Metadata',
  'Upload-Concat',
  'Upload-Expires',
  'Upload-Document-Key',
  'Upload-Complete',
  'Upload-Limit',
  'Repr-Digest',
];

describe('CORS', () => {
  let service: TestService;
  afterEach(() => service.close());

  const preflight = (path: string, origin: string, method: string, headers: string) =>
    fetch(`${service.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': headers,
      },
    });

  test.each([
    ['/graphql', 'POST', uploadHeaders],
    ['/attachments/01980000-0000-7000-8000-000000000000/a%20b.pdf', 'GET', 'authorization,range'],
  ])('lets any origin ask for %s by default', async (path, method, headers) => {
    service = await startService();
    const answer = await preflight(path, 'https://any.example', method, headers);
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(listOf(answer.headers, 'access-control-allow-methods')).toContain(method);
    expect(listOf(answer.headers, 'access-control-allow-headers')).toEqual(headers.split(','));
    expect(Number(answer.headers.get('access-control-max-age'))).toBeGreaterThan(0);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('lets only the origins of CORS_ORIGINS, where it is set', async () => {
    service = await startService({ CORS_ORIGINS: 'https://studio.apollographql.com,https://app.example' });
    for (const path of ['/graphql', '/attachments/x/y', '/health/ready']) {
      for (const origin of ['https://studio.apollographql.com', 'https://app.example']) {
        const answer = await preflight(path, origin, 'POST', uploadHeaders);
        expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      }
      for (const origin of [
        'https://evil.example',
        'http://app.example',
        'https://app.example.evil.example',
        'https://app.example:8443',
        'null',
      ]) {
        const answers = [
          await preflight(path, origin, 'POST', uploadHeaders),
          await fetch(`${service.url}${path}`, { headers: { origin } }),
        ];
        for (const { headers } of answers) {
          expect(headers.get('access-control-allow-origin')).toBeNull();
          expect(listOf(headers, 'vary')).toContain('Origin');
        }
      }
    }
  });

  test.each([
    ['by default', {}, '*'],
    ['with CORS_ORIGINS', { CORS_ORIGINS: 'https://app.example' }, 'https://app.example'],
  ])('marks every answer, refusals included, %s', async (_when, env, allowed) => {
    service = await startService(env);
    const answers = await Promise.all([
      ask('/graphql', { method: 'POST', body: '{"query":"{ __typename }"}', json: true }),
      ask('/graphql', { method: 'POST', body: '{ viewer', json: true }),
      ask('/graphql', { method: 'POST', body: '{"query":"{ viewer { organizationId } }"}', json: true }),
      ask('/graphql', { method: 'POST', body: 'a=b' }),
      ask('/graphql', { method: 'POST', body: 'x'.repeat(2 ** 20 + 1), json: true }),
      ask('/graphql?query={__typename}'),
      ask('/graphql', { method: 'DELETE' }),
      ask('/attachments/x/y'),
      ask('/attachments/x/y?signature=bad'),
      ask(`/attachments/${'x'.repeat(200)}/y`),
      ask('/attachments/%zz/y'),
      ask('/nothing'),
      ask('/health/live'),
      ask('/health/ready'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      200, 400, 401, 400, 413, 400, 405, 401, 403, 401, 404, 404, 200, 200,
    ]);
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe(allowed);
      expect(listOf(headers, 'access-control-expose-headers')).toEqual(exposed);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
  });

  test('answers an OPTIONS request that is no preflight without complaint', async () => {
    service = await startService();
    const answer = await fetch(`${service.url}/graphql`, { method: 'OPTIONS' });
    expect(answer.status).toBe(204);
  });

  function ask(
    path: string,
    { method = 'GET', body, json }: { method?: string; body?: string; json?: boolean } = {},
  ) {
    const type = json ? 'application/json' : 'application/x-www-form-urlencoded';
    return fetch(`${service.url}${path}`, {
      method,
      headers: { origin: 'https://app.example', ...(body ? { 'content-type': type } : {}) },
      ...(body ? { body } : {}),
    });
  }
});

function listOf(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? '').split(',').map((item) => item.trim());
}
