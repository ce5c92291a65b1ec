import type { AnswerError } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { randomKey, startService, type TestService } from '../../support/service.js';
import { createTarget } from './direct-target.js';

const viewerQuery = '{ viewer { organizationId } }';
const rateOf = (headers: Headers) =>
  ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`x-ratelimit-${name}`) ?? Number.NaN));

async function codeOf(response: Response): Promise<string | undefined> {
  const { errors } = (await response.json()) as { errors?: AnswerError[] };
  return errors?.[0]?.extensions.code;
}

describe('RATE_LIMIT_PER_MINUTE', () => {
  let service: TestService;
  beforeEach(async () => {
    service = await startService({ RATE_LIMIT_PER_MINUTE: '4' });
  });
  afterEach(() => service.close());

  test('lets so many requests of a credential pass, tells what is left, and refuses the next', async () => {
    const seen: number[][] = [];
    for (let index = 0; index < 4; index += 1) {
      const { headers, errors } = await service.client.graphql(viewerQuery);
      expect(errors).toBeUndefined();
      seen.push(rateOf(headers));
    }
    const now = Date.now() / 1_000;
    expect(seen.map(([limit, remaining]) => [limit, remaining])).toEqual([
      [4, 3],
      [4, 2],
      [4, 1],
      [4, 0],
    ]);
    for (const [, , reset = 0] of seen) expect(Math.abs(reset - now - 60)).toBeLessThan(5);

    const refused = await service.client.graphql(viewerQuery);
    expect(refused.status).toBe(429);
    expect(refused.errors).toEqual([
      {
        message: 'At most 4 requests a minute are answered for one credential.',
        extensions: {
          code: 'RATE_LIMITED',
          limit: 4,
          details: [
            {
              loc: ['headers', 'authorization'],
              msg: 'At most 4 requests a minute are answered for one credential.',
              type: 'too_many_requests',
            },
          ],
        },
      },
    ]);
    expect(rateOf(refused.headers).slice(0, 2)).toEqual([4, 0]);
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(50);
    expect(retryAfter).toBeLessThanOrEqual(60);
  });

  test('counts every entrance together, and each credential by itself', async () => {
    const { url } = await service.client.upload({ name: 'a.txt', content: 'a' });
    const download = await service.client.download(url);
    expect(rateOf(download.headers).slice(0, 2)).toEqual([4, 2]);
    expect(await download.text()).toBe('a');
    const missing = await service.client.download('/attachments/x/y');
    expect([missing.status, ...rateOf(missing.headers).slice(0, 2)]).toEqual([404, 4, 1]);
    const { attachments } = await service.client.ask<{ attachments: { nodes: { downloadUrl: string }[] } }>(
      '{ attachments { nodes { downloadUrl } } }',
    );
    expect(attachments.nodes).toHaveLength(1);

    for (const refused of [
      await service.client.download(url),
      await fetch(url, { method: 'HEAD', headers: service.client.headers }),
    ]) {
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect((await service.client.tryUpload({ content: 'b' })).errors?.[0]?.extensions.code).toBe(
      'RATE_LIMITED',
    );

    const other = await newClient(service);
    expect((await other.graphql(viewerQuery)).errors).toBeUndefined();
    // Requests that need no credential go on: signed URLs, introspection, health.
    const signed = await fetch(attachments.nodes[0]?.downloadUrl ?? '');
    expect([signed.status, signed.headers.get('x-ratelimit-limit')]).toEqual([200, null]);
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  });

  test('refuses before a byte of the body is read', async () => {
    for (let index = 0; index < 4; index += 1) await service.client.graphql(viewerQuery);
    const form = formBody(graphqlForm({ query: 'mutation { x }' }, {}, []));
    const head = requestHead('/graphql', {
      ...service.client.headers,
      'apollo-require-preflight': 'true',
      ...formHeaders(form.length),
    });
    const connection = await RawConnection.open(service.url);
    await connection.send(head);
    expect((await connection.response()).status).toBe(429);
    connection.destroy();
  });

  test('0 is off: nothing is counted or told', async () => {
    await using unlimited = await startService({ RATE_LIMIT_PER_MINUTE: '0' });
    for (let index = 0; index < 10; index += 1) {
      const { errors, headers } = await unlimited.client.graphql(viewerQuery);
      expect(errors).toBeUndefined();
      expect(headers.get('x-ratelimit-limit')).toBeNull();
    }
  });
});

describe('FAILED_LOGINS_PER_MINUTE', () => {
  test('past it, an address is refused unless its credential has been good', async () => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '3' });
    const late = await newClient(service);
    expect((await service.client.graphql(viewerQuery)).errors).toBeUndefined();
    const tryBad = () =>
      fetch(`${service.url}/graphql?query=${encodeURIComponent(viewerQuery)}`, {
        headers: { authorization: `Bearer ${randomKey()}`, 'apollo-require-preflight': 'true' },
      });
    for (let index = 0; index < 3; index += 1) {
      const refused = await tryBad();
      expect([refused.status, await codeOf(refused)]).toEqual([401, 'UNAUTHENTICATED']);
    }
    const refused = await tryBad();
    expect([refused.status, await codeOf(refused)]).toEqual([429, 'RATE_LIMITED']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    // A good one that nobody has used yet waits; one that has been used goes on.
    expect((await late.graphql(viewerQuery)).status).toBe(429);
    expect((await service.client.graphql(viewerQuery)).errors).toBeUndefined();
    expect((await late.download('/attachments/x/y')).status).toBe(429);
  });

  test('good credentials never count', async () => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '1' });
    const clients = await Promise.all(Array.from({ length: 3 }, () => newClient(service)));
    for (const client of clients) expect((await client.graphql(viewerQuery)).errors).toBeUndefined();
  });

  test.each([
    ['none is trusted', {}, [401, 429]],
    ['the proxy is trusted', { TRUST_PROXY: '127.0.0.0/8' }, [401, 401]],
  ])('counts X-Forwarded-For accordingly if %s', async (_, env, expected) => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '1', ...env });
    const statuses: number[] = [];
    for (const address of ['192.0.2.1', '192.0.2.2']) {
      const headers = { authorization: 'Bearer cck_nothing', 'x-forwarded-for': address };
      statuses.push((await fetch(`${service.url}/attachments/x/y`, { headers })).status);
    }
    expect(statuses).toEqual(expected);
  });

  test('a proxy tells IPv6 addresses apart by their /64', async () => {
    await using service = await startService({ FAILED_LOGINS_PER_MINUTE: '1', TRUST_PROXY: '127.0.0.1' });
    const statusFrom = async (address: string) => {
      const headers = { authorization: 'Bearer cck_nothing', 'x-forwarded-for': address };
      return (await fetch(`${service.url}/attachments/x/y`, { headers })).status;
    };
    expect(await statusFrom('2001:db8:0:1::1')).toBe(401);
    expect(await statusFrom('2001:db8:0:1:ffff::2')).toBe(429);
    expect(await statusFrom('2001:db8:0:2::1')).toBe(401);
    expect(await statusFrom('192.0.2.7')).toBe(401);
    expect(await statusFrom('::ffff:192.0.2.7')).toBe(429);
  });
});

test('an upload target needs no credential, and is not counted', async () => {
  await using service = await startService({ RATE_LIMIT_PER_MINUTE: '1' });
  const { url, headers } = await createTarget(service.client, 'hello');
  expect((await fetch(url, { method: 'PUT', headers, body: 'hello' })).status).toBe(201);
});
