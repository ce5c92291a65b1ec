import { fetchExchange, gql, Client as UrqlClient } from '@urql/core';
import type { AnswerError } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const trusting = { TRUST_PROXY: '127.0.0.0/8,::1' };

describe('an Authorization header without a credential counts as none', () => {
  test.each(['', ' ', 'Bearer', 'Bearer ', 'bearer', 'Basic ', 'BASIC'])('%p', async (authorization) => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '1' });
    const ask = (query: string) =>
      fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
    for (let time = 0; time < 3; time += 1) expect((await ask('{ __typename }')).status).toBe(200);
    expect((await ask('{ viewer { organizationId } }')).status).toBe(401);
    const { status } = await fetch(`${service.url}/attachments/x/y`, { headers: { authorization } });
    expect(status).toBe(401);
    const wrong = await fetch(`${service.url}/attachments/x/y`, { headers: { authorization: 'Bearer x' } });
    expect(wrong.status).toBe(401);
  });
});

describe('the id of a request', () => {
  const lastLine = ({ logLines }: TestService) =>
    JSON.parse(logLines.filter((line) => line.includes('answered')).at(-1) ?? '{}') as Record<
      string,
      unknown
    >;

  async function told(service: TestService, headers: Record<string, string>) {
    const answer = await fetch(`${service.url}/health/live`, { headers });
    await answer.text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const id = answer.headers.get('x-request-id');
    expect(lastLine(service)['reqId']).toBe(id);
    return id;
  }

  test('is that in X-Request-Id of a trusted proxy, answered and logged', async () => {
    await using service = await startService(trusting);
    const taken = ['a', 'req-1', '0HN:4/7+x=@.', '1'.repeat(128), 'A_b'];
    for (const id of taken) expect(await told(service, { 'x-request-id': id })).toBe(id);
    const notTaken = ['', ' ', 'a b', 'a"b', '<b>', 'a;b', 'ä', '1'.repeat(129), '{}', 'a,b'];
    for (const id of notTaken) expect(await told(service, { 'x-request-id': id })).toMatch(uuid);
    expect(await told(service, {})).toMatch(uuid);
  });

  test('is not taken of anybody else', async () => {
    await using service = await startService();
    expect(await told(service, { 'x-request-id': 'mine' })).toMatch(uuid);
  });

  test('stands in the log beside the trace that the caller has begun', async () => {
    await using service = await startService();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const span = '00f067aa0ba902b7';
    for (const traceparent of [`00-${traceId}-${span}-01`, `cc-${traceId}-${span}-01-later`]) {
      await told(service, { traceparent });
      expect(lastLine(service)['traceId']).toBe(traceId);
    }
    const bad = [
      ...['', 'x', `00-${traceId}-${span}`, `ff-${traceId}-${span}-01`, `00-${'0'.repeat(32)}-${span}-01`],
      ...[
        `00-${traceId}-${'0'.repeat(16)}-01`,
        `00-${traceId.toUpperCase()}-${span}-01`,
        `00-${traceId}-${span}-01x`,
      ],
    ];
    for (const traceparent of bad) {
      await told(service, { traceparent });
      expect([traceparent, lastLine(service)['traceId']]).toEqual([traceparent, undefined]);
    }
  });
});

describe('a query by GET', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  const query = gql('{ viewer { organizationId } }');
  const ask = (options: { preferGetMethod?: boolean; headers?: Record<string, string> }) => {
    const { headers, ...rest } = options;
    const client = new UrqlClient({
      url: `${service.url}/graphql`,
      exchanges: [fetchExchange],
      fetchOptions: { headers: { ...service.client.headers, ...headers } },
      ...rest,
    });
    return client.query<{ viewer: { organizationId: string } }>(query, {}).toPromise();
  };

  test('from urql without the header is told what to send, and with it is answered', async () => {
    const { error, data } = await ask({ preferGetMethod: true });
    expect(data).toBeUndefined();
    expect(error?.response?.status).toBe(400);
    const address = `${service.url}/graphql?query=${encodeURIComponent('{ viewer { organizationId } }')}`;
    const told = (await (await fetch(address, { headers: service.client.headers })).json()) as {
      errors: [AnswerError];
    };
    expect(told.errors[0]).toMatchObject({
      message: expect.stringMatching(/Apollo-Require-Preflight: true.+POST.+preferGetMethod: false/),
      extensions: { code: 'BAD_USER_INPUT', details: [{ type: 'csrf' }] },
    });
    expect(error?.graphQLErrors[0]?.message ?? told.errors[0].message).toBe(told.errors[0].message);
    for (const options of [
      { preferGetMethod: true, headers: { 'apollo-require-preflight': 'true' } },
      { preferGetMethod: false },
    ]) {
      expect((await ask(options)).data?.viewer.organizationId).toBeTruthy();
    }
  });
});
