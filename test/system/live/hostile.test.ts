import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventually,
  type LiveClient,
  onAttachment,
  openLive,
  type Told,
} from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';

let service: TestService;
let bystander: LiveClient;
let told: Told;
let attachmentId: string;

beforeAll(async () => {
  service = await startService();
  attachmentId = (await service.client.upload({ content: 'x', name: 'x.txt' })).id;
  bystander = await openLive(service.url, service.key);
  told = bystander.subscribe(onAttachment(attachmentId));
  await bystander.settled();
});
afterAll(async () => {
  bystander.close();
  await service.close();
});

/** Whatever happened to others: this connection goes on, and nothing was our fault. */
afterEach(async () => {
  const before = told.events.length;
  await service.client.ask(
    'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { __typename } }',
    { input: { attachmentId, description: randomBytes(4).toString('hex') } },
  );
  await told.settle(() => told.events.length > before);
  expect(service.logLines.filter((line) => /masked error|"level":50/.test(line))).toEqual([]);
});

describe('frames', () => {
  test.each<[string, (live: LiveSocket) => void, number]>([
    ['no JSON', ({ socket }) => socket.send('hello'), 4400],
    ['a JSON text', ({ socket }) => socket.send('"hello"'), 4400],
    ['null', ({ socket }) => socket.send('null'), 4400],
    ['a list', ({ socket }) => socket.send('[]'), 4400],
    ['an unknown type', (live) => live.say({ type: 'start', id: '1' }), 4400],
    [
      'a subscription without an id',
      (live) => live.say({ type: 'subscribe', payload: { query: '{a}' } }),
      4400,
    ],
    ['a subscription without a query', (live) => live.say({ type: 'subscribe', id: '1', payload: {} }), 4400],
    [
      'variables that are a text',
      (live) => live.say({ type: 'subscribe', id: '1', payload: { query: '{a}', variables: 'x' } }),
      4400,
    ],
    ['binary garbage', ({ socket }) => socket.send(randomBytes(1_000)), 4400],
    ['a message of more than 64 KiB', ({ socket }) => socket.send('x'.repeat(65_537)), 1009],
    [
      'pieces of more than 64 KiB',
      ({ socket }) => {
        for (let piece = 0; piece < 70; piece += 1) socket.send('x'.repeat(1_000), { fin: false });
      },
      1009,
    ],
    [
      'what only a server says: next',
      (live) => live.say({ type: 'next', id: '1', payload: { data: {} } }),
      4400,
    ],
    [
      'what only a server says: error',
      (live) => live.say({ type: 'error', id: '1', payload: [{ message: 'x' }] }),
      4400,
    ],
    ['what only a server says: connection_ack', (live) => live.say({ type: 'connection_ack' }), 4400],
    ['a binary frame', ({ socket }) => socket.send(Buffer.from('{"type":"ping"}'), { binary: true }), 4400],
    ['10,000 brackets', ({ socket }) => socket.send(`{"type":"ping","payload":${'['.repeat(10_000)}`), 4400],
    ['no type', (live) => live.say({ id: '1' }), 4400],
    ['a payload that is a list', (live) => live.say({ type: 'ping', payload: [] }), 4400],
    ['a second connection_init', (live) => live.say({ type: 'connection_init' }), 4429],
  ])('%s closes the connection', async (_what, act, code) => {
    const live = await LiveSocket.acknowledged(service.url, service.key);
    act(live);
    expect(await live.closed).toBe(code);
  });

  test('one id twice closes the connection', async () => {
    const live = await LiveSocket.acknowledged(service.url, service.key);
    for (let time = 0; time < 2; time += 1) {
      live.say({ type: 'subscribe', id: '__proto__', payload: onAttachment(attachmentId) });
    }
    expect(await live.closed).toBe(4409);
  });

  test('bytes that are no frame end the connection', async () => {
    const connection = await RawConnection.open(service.url);
    await connection.send(handshake());
    await sleep(100);
    expect(connection.isOpen).toBe(true);
    await connection.send(Buffer.alloc(64, 0xff));
    await connection.closed(1_500);
  });
});

describe('a connection', () => {
  test('that says nothing is closed after three seconds', async () => {
    const started = performance.now();
    const live = await LiveSocket.open(service.url);
    expect(await live.closed).toBe(4408);
    expect(performance.now() - started).toBeGreaterThan(2_900);
  });

  test.each([[[]], [['graphql-ws']]])('with the subprotocols %j is not served', async (protocols) => {
    const code = await LiveSocket.open(service.url, protocols).then(
      (live) => live.closed,
      () => 'refused',
    );
    expect([4406, 'refused']).toContain(code);
  });

  test('says little before its credential is known, and more afterwards', async () => {
    const ping = (size: number) => ({ type: 'ping', payload: { much: 'x'.repeat(size) } });
    const stranger = await LiveSocket.open(service.url);
    const heard = async (live: LiveSocket, pongs: number) =>
      eventually(() => live.messages.filter(({ type }) => type === 'pong').length === pongs);
    for (const size of [16_000, 16_000, 16_400]) stranger.say(ping(size));
    await heard(stranger, 3);
    stranger.say(ping(16_400));
    expect(await stranger.closed).toBe(1009);
    const known = await LiveSocket.acknowledged(service.url, service.key);
    for (const size of [60_000, 60_000]) known.say(ping(size));
    await heard(known, 2);
    known.end();
  });

  test('is ended if its client reads no answers to what it asks', async () => {
    const live = await LiveSocket.acknowledged(service.url, service.key);
    live.socket.pause();
    const payload = { much: 'x'.repeat(60_000) };
    for (let count = 0; count < 400 && live.socket.readyState === live.socket.OPEN; count += 1) {
      live.say({ type: 'ping', payload });
      await new Promise((resolve) => setImmediate(resolve));
    }
    live.socket.resume();
    expect(await live.closed).toBe(1006);
  });
});

describe('an Upgrade header', () => {
  const body = '{"query":"{ __typename }"}';
  const offering = (upgrade: string, extra: Record<string, string | number> = {}) =>
    requestHead('/graphql', {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: upgrade,
      'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA',
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      ...extra,
    });

  test.each(['h2c', 'websocket', 'h2c, websocket', 'nothing-known'])(
    '%s on an ordinary request changes nothing',
    async (upgrade) => {
      const connection = await RawConnection.open(service.url);
      for (let time = 0; time < 2; time += 1) {
        await connection.send(offering(upgrade));
        await connection.send(body);
        const response = await connection.response();
        expect([response.status, response.body]).toEqual([200, '{"data":{"__typename":"Query"}}\n']);
      }
      connection.destroy();
    },
  );

  test('for a WebSocket elsewhere names a path that is not there', async () => {
    const connection = await RawConnection.open(service.url);
    await connection.send(handshake('/nothing'));
    expect((await connection.response()).status).toBe(404);
    connection.destroy();
  });

  test('without a key is refused', async () => {
    const connection = await RawConnection.open(service.url);
    await connection.send(handshake('/graphql', { 'Sec-WebSocket-Key': 'short' }));
    expect((await connection.response()).status).toBe(400);
    connection.destroy();
  });
});

function handshake(path = '/graphql', changes: Record<string, string> = {}): string {
  const headers = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': 'graphql-transport-ws',
    ...changes,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}
