import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../../support/keys.js';
import { startService, type TestService } from '../../support/service.js';
import { claims, seconds, secret, sign } from '../../system/auth/tokens.js';
import { LiveClient, onAttachment, openLive } from './live-client.js';
import { LiveSocket } from './live-socket.js';

let now = Date.now();
let service: TestService;
beforeAll(async () => {
  service = await startService(
    { JWT_SECRET: secret, JWT_CREATE_ORGANIZATIONS: 'true' },
    { clock: () => new Date(now) },
  );
});
afterAll(() => service.close());

const unauthorized = 4401;
const forbidden = 4403;

describe('a connection', () => {
  test.each<[string, Record<string, unknown> | undefined]>([
    ['without parameters', undefined],
    ['without a credential', {}],
    ['with an empty one', { authorization: '' }],
    ['with a number for one', { authorization: 7 }],
    ['with a list for one', { authorization: ['Bearer x'] }],
    ['with an unknown key', { authorization: 'Bearer cck_00000000000000000000000000000000' }],
    ['with a key and no scheme', { authorization: 'cck_00000000000000000000000000000000' }],
    ['with no token', { authorization: 'Bearer a.b.c' }],
    ['with another scheme', { authorization: 'Digest abc' }],
    ['with an inherited one', JSON.parse('{"__proto__":{"authorization":"Bearer x"}}')],
    ['with a very long one', { authorization: `Bearer cck_${'a'.repeat(60_000)}` }],
  ])('%s is closed with 4401', async (_how, params) => {
    const live = await new LiveClient(service.url, params).open();
    expect(await live.closing()).toBe(unauthorized);
    live.close();
  });

  test('without attachments:read is closed with 4403', async () => {
    const { key } = await newClient(service, { permissions: ['attachments:write'] });
    const live = await openLive(service.url, key);
    expect(await live.closing()).toBe(forbidden);
  });

  test.each(['Bearer', 'Basic', 'bearer'])('with a key behind %s is accepted', async (scheme) => {
    const live = await new LiveClient(service.url, { Authorization: `${scheme} ${service.key}` }).open();
    expect(live.closed).toBeNull();
    live.close();
  });

  test('has no authority by headers or a cookie of its handshake, from whatever page', async () => {
    const authorization = `Bearer ${service.key}`;
    const headers = { authorization, cookie: `authorization=${encodeURIComponent(authorization)}` };
    const options = { origin: 'https://elsewhere.example', headers };
    const live = await LiveSocket.open(service.url, undefined, options);
    live.say({ type: 'connection_init' });
    expect(await live.closed).toBe(unauthorized);
    const welcome = await LiveSocket.open(service.url, undefined, { origin: 'https://elsewhere.example' });
    welcome.say({ type: 'connection_init', payload: { authorization } });
    await welcome.hears('connection_ack');
    welcome.end();
  });

  test('that subscribes before it is accepted is closed with 4401', async () => {
    const live = await LiveSocket.open(service.url);
    live.say({ type: 'subscribe', id: '1', payload: { query: '{ __typename }' } });
    expect(await live.closed).toBe(unauthorized);
  });
});

describe('a credential that ceases to be good', () => {
  test('a revoked key ends its connections within seconds, and no others', async () => {
    const other = await newClient(service);
    const { createApiKey } = await service.client.ask<{
      createApiKey: { secret: string; apiKey: { id: string } };
    }>(
      'mutation { createApiKey(input: { name: "x", permissions: ["attachments:read"] }) { secret apiKey { id } } }',
    );
    const idle = await openLive(service.url, createApiKey.secret);
    const unconcerned = await openLive(service.url, other.key);
    const started = performance.now();
    await service.client.ask('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { id } } }', {
      id: createApiKey.apiKey.id,
    });
    expect(await idle.closing()).toBe(forbidden);
    expect(performance.now() - started).toBeLessThan(3_500);
    expect(unconcerned.closed).toBeNull();
    expect(await (await openLive(service.url, createApiKey.secret)).closing()).toBe(unauthorized);
    unconcerned.close();
  });

  test('an expired token ends its connection, and what happens then is not told', async () => {
    const { viewer } = await service.client.ask<{ viewer: { organizationId: string } }>(
      '{ viewer { organizationId } }',
    );
    const token = await sign(claims({ org: viewer.organizationId, exp: seconds(120) }));
    const live = await openLive(service.url, token);
    expect(live.closed).toBeNull();
    const record = { type: 'Task', id: 'expiry' };
    const told = live.subscribe({
      query: 'subscription { attachmentChanged(record: { type: "Task", id: "expiry" }) { id } }',
    });
    await live.settled();
    now += 300_000;
    await service.client.upload({ content: 'x', name: 'x.txt' }, { record });
    expect(await live.closing()).toBe(forbidden);
    expect(told.events).toEqual([]);
  });
});

test('one connection holds 100 subscriptions', async () => {
  const { id } = await service.client.upload({ content: 'x', name: 'x.txt' });
  const live = await openLive(service.url, service.key);
  const told = Array.from({ length: 100 }, () => live.subscribe(onAttachment(id)));
  const oneTooMany = live.subscribe(onAttachment(id));
  expect(await oneTooMany.refused()).toMatchObject({ code: 'BAD_USER_INPUT', limit: 100 });
  expect(told.flatMap(({ errors }) => errors)).toEqual([]);
  told[0]?.end();
  await sleep(50);
  const again = live.subscribe(onAttachment(id));
  await sleep(100);
  expect(again.errors).toEqual([]);
  live.close();
});
