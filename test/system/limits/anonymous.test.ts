import type { AnswerError } from '../../support/client.js';
import { randomKey, startService, type TestService } from '../../support/service.js';

const typename = { query: '{ __typename }' };

interface Answer {
  status: number;
  code: string | undefined;
  limit: number | undefined;
  type: string | undefined;
  headers: Headers;
}

async function ask(url: string, from: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { 'x-forwarded-for': from, 'apollo-require-preflight': 'true', ...init.headers };
  const response = await fetch(url, { ...init, headers });
  const text = await response.text();
  const { errors } = (text.startsWith('{') ? JSON.parse(text) : {}) as { errors?: AnswerError[] };
  const { code, limit, details } = (errors?.[0]?.extensions ?? {}) as Record<string, never> & {
    code?: string;
    limit?: number;
    details?: { type: string }[];
  };
  return { status: response.status, code, limit, type: details?.[0]?.type, headers: response.headers };
}

const post = (url: string, from: string, headers: Record<string, string> = {}) =>
  ask(`${url}/graphql`, from, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(typename),
  });

const settings = { TRUST_PROXY: '127.0.0.0/8,::1', ANONYMOUS_RATE_LIMIT_PER_MINUTE: '3' };

describe('requests without a credential', () => {
  let service: TestService;
  beforeEach(async () => {
    service = await startService(settings);
  });
  afterEach(() => service.close());

  test('have a rate by address, told and refused as that of a credential', async () => {
    const { url } = service;
    for (const remaining of ['2', '1', '0']) {
      const { status, headers } = await post(url, '192.0.2.1');
      expect([status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual([
        200,
        '3',
        remaining,
      ]);
    }
    const refused = await post(url, '192.0.2.1');
    expect(refused).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      limit: 3,
      type: 'too_many_anonymous_requests',
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await post(url, '192.0.2.2')).status).toBe(200);
    // Whoever shows a credential does not count, and is not refused.
    const { authorization } = service.client.headers as { authorization: string };
    expect((await post(url, '192.0.2.1', { authorization })).status).toBe(200);
  });

  test('count at every entrance together', async () => {
    const { url } = service;
    const from = '192.0.2.1';
    const { attachments } = await service.client
      .upload({ name: 'a.txt', content: 'a' })
      .then(() =>
        service.client.ask<{ attachments: { nodes: { downloadUrl: string }[] } }>(
          '{ attachments { nodes { downloadUrl } } }',
        ),
      );
    const signed = attachments.nodes[0]?.downloadUrl ?? '';
    const entrances = {
      graphql: () => ask(`${url}/graphql?query=%7B__typename%7D`, from),
      'a form': () => ask(`${url}/graphql`, from, { method: 'POST', body: new FormData() }),
      'a wrong token': () => ask(`${url}/uploads/wrong.token`, from, { method: 'PUT', body: 'x' }),
      'a wrong signature': () => ask(signed.replace(/signature=../, 'signature=__'), from),
      'no signature': () => ask(signed.split('?')[0] ?? '', from),
      metrics: () => ask(`${url}/metrics`, from),
    };
    const seen: (number | string)[] = [];
    for (const [name, enter] of Object.entries(entrances)) seen.push(name, (await enter()).status);
    expect(seen).toEqual([
      ...['graphql', 200, 'a form', 401, 'a wrong token', 404],
      ...['a wrong signature', 429, 'no signature', 429, 'metrics', 429],
    ]);
    // Signed requests, preflights and the health routes do not count.
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    for (const status of [
      (await ask(signed, from)).status,
      (await ask(`${url}/graphql`, from, { method: 'OPTIONS', headers: preflight })).status,
      (await ask(`${url}/health/live`, from)).status,
    ]) {
      expect([200, 204]).toContain(status);
    }
  });

  test('count as those of one client if its proxy writes its port', async () => {
    const statuses: number[] = [];
    for (const port of [1, 2, 3, 4]) statuses.push((await post(service.url, `192.0.2.1:${port}`)).status);
    statuses.push((await post(service.url, '::ffff:192.0.2.1')).status);
    for (const port of [1, 2, 3, 4])
      statuses.push((await post(service.url, `"[2001:db8::${port}]:${port}"`)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 200, 200, 200, 429]);
  });

  test('have a limit for a network too', async () => {
    let answered = 0;
    for (let index = 0; index < 30; index += 1) {
      const { status } = await post(service.url, `2001:db8:0:${index.toString(16)}::1`);
      if (status === 200) answered += 1;
    }
    expect(answered).toBe(6);
    for (let index = 0; index < 30; index += 1) {
      if ((await post(service.url, `198.51.100.${index}`)).status === 200) answered += 1;
    }
    expect(answered).toBe(6 + 12);
  });
});

test('a port behind the address of a trusted proxy leaves it trusted', async () => {
  await using service = await startService(settings);
  const statuses: number[] = [];
  for (const client of [1, 2, 3, 4, 5])
    statuses.push((await post(service.url, `192.0.2.${client}, 127.0.0.9:4711`)).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
});

test('0 is off, as it is without a rate of credentials', async () => {
  for (const env of [
    { ...settings, ANONYMOUS_RATE_LIMIT_PER_MINUTE: '0' },
    { ...settings, ANONYMOUS_RATE_LIMIT_PER_MINUTE: '' },
  ]) {
    await using service = await startService(env);
    for (let index = 0; index < 8; index += 1) {
      const { status, headers } = await post(service.url, '192.0.2.1');
      expect([status, headers.get('x-ratelimit-limit')]).toEqual([200, null]);
    }
  }
});

describe('bad credentials', () => {
  const guess = (url: string, from: string, key = randomKey()) =>
    post(url, from, { authorization: `Bearer ${key}` }).then(({ status }) => status);

  test('are refused to one /48, however many /64 it has', async () => {
    await using service = await startService({ ...settings, FAILED_LOGINS_PER_MINUTE: '10' });
    const statuses: number[] = [];
    for (let index = 0; index < 60; index += 1)
      statuses.push(await guess(service.url, `2001:db8:0:${index.toString(16)}00::1`));
    expect(statuses.filter((status) => status === 401)).toHaveLength(20);
    for (let index = 0; index < 60; index += 1)
      statuses.push(await guess(service.url, `198.51.100.${index}`));
    expect(statuses.filter((status) => status === 401)).toHaveLength(40);
    expect(await guess(service.url, '203.0.113.1')).toBe(401);
  });

  test('that come together are counted one by one, and one that has been good gets in among them', async () => {
    await using service = await startService({ ...settings, FAILED_LOGINS_PER_MINUTE: '5' });
    const from = '192.0.2.1';
    expect(await guess(service.url, from, service.key)).toBe(200);
    const [good, ...bad] = await Promise.all([
      guess(service.url, from, service.key),
      ...Array.from({ length: 40 }, () => guess(service.url, from)),
    ]);
    expect(good).toBe(200);
    expect(bad.filter((status) => status === 401)).toHaveLength(5);
    expect(bad.filter((status) => status === 429)).toHaveLength(35);
  });
});
