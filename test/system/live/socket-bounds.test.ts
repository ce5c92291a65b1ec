import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import type { WebSocket } from 'ws';
import { registerWebSockets } from '../../../src/http/websocket-route.js';
import { Turns } from '../../../src/limits/turns.js';
import { eventually, onAttachment } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { startService, type TestService } from '../../support/service.js';

const tryAgainLater = 1013;

/** Opens sockets a hundred at a time, so that the system's own queue of new connections is long enough. */
async function openMany(count: number, open: (index: number) => Promise<LiveSocket>): Promise<LiveSocket[]> {
  const opened: LiveSocket[] = [];
  while (opened.length < count) {
    const wave = Math.min(100, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: wave }, (_, at) => open(opened.length + at)))));
  }
  return opened;
}

/** How each socket was answered: let in, or closed with a code. */
async function outcomes(sockets: readonly LiveSocket[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const live of sockets) {
    const acknowledged = live.hears('connection_ack', 20_000).then(() => 'in');
    const outcome = await Promise.race([acknowledged, live.closed.then(String)]);
    acknowledged.catch(() => undefined);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

describe('sockets', () => {
  let service: TestService;
  beforeEach(async () => {
    service = await startService({ TRUST_PROXY: '127.0.0.0/8' });
  });
  afterEach(() => service.close());

  test('are at most 1,000 for one key, however it is written, also if all come together', async () => {
    const spellings = ['Bearer ', 'bearer ', 'Basic ', 'bAsIc   ', ''];
    const sockets = await openMany(1_020, async (index) => {
      const live = await LiveSocket.open(service.url);
      const authorization = `${spellings[index % spellings.length]}${service.key}`;
      live.say({ type: 'connection_init', payload: { authorization } });
      return live;
    });
    const before = await outcomes(sockets);
    const other = await newClient(service);
    const others = await LiveSocket.acknowledged(service.url, other.key ?? '');
    for (const live of [...sockets, others]) live.end();
    expect(before).toEqual({ in: 1_000, [tryAgainLater]: 20 });
    await sleep(200);
    const again = await LiveSocket.acknowledged(service.url, service.key);
    again.end();
  }, 60_000);

  test('are at most 250 for an address whose credential is not known yet; others get in meanwhile', async () => {
    const from = (address: string) =>
      LiveSocket.open(service.url, undefined, { headers: { 'x-forwarded-for': address } });
    const silent = await openMany(260, () => from('192.0.2.1'));
    await eventually(() => silent.filter(({ socket }) => socket.readyState > 1).length >= 10);
    expect(silent.filter(({ socket }) => socket.readyState === 1)).toHaveLength(250);
    const other = await from('192.0.2.2');
    other.say({ type: 'connection_init', payload: { authorization: service.key } });
    await other.hears('connection_ack');
    silent[0]?.say({ type: 'connection_init', payload: { authorization: service.key } });
    await silent[0]?.hears('connection_ack');
    // Whoever is known makes room.
    const next = await from('192.0.2.1');
    next.say({ type: 'connection_init', payload: { authorization: service.key } });
    await next.hears('connection_ack');
    for (const live of [...silent, other, next]) live.end();
  }, 30_000);

  test('that end a subscription for each that they begin run into a limit', async () => {
    await using limited = await startService({ RATE_LIMIT_PER_MINUTE: '10' });
    const { id } = await limited.client.upload({ content: 'x', name: 'x.txt' });
    const live = await LiveSocket.acknowledged(limited.url, limited.key);
    for (let index = 0; index < 110; index += 1) {
      live.say({ type: 'subscribe', id: String(index), payload: onAttachment(id, 'id') });
      live.say({ type: 'complete', id: String(index) });
    }
    const last = { type: 'subscribe', id: 'last', payload: onAttachment(id, 'id') };
    live.say(last);
    const refused = await live.hears('error');
    expect(refused.payload).toMatchObject([
      { extensions: { code: 'RATE_LIMITED', limit: 100, details: [{ type: 'too_many_requests' }] } },
    ]);
    live.end();
  });
});

describe('a client that floods', () => {
  /** A service whose protocol does nothing but count. */
  async function counting() {
    const server = Fastify();
    const seen = { messages: 0 };
    const subscriptions = {
      opened: ({ onMessage }: { onMessage(receive: (text: string) => Promise<void>): void }) => {
        onMessage(async () => {
          seen.messages += 1;
        });
        return async () => {};
      },
    };
    registerWebSockets(server, { subscriptions, turns: new Turns() });
    server.get('/', async () => 'here');
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    return { server, url, seen };
  }

  const floods: [string, (socket: WebSocket, index: number) => void][] = [
    ['messages', (socket, index) => socket.send(String(index))],
    ['pings', (socket, index) => socket.ping(String(index))],
    ['pongs', (socket, index) => socket.pong(String(index))],
  ];

  test.each(floods)(
    'with %s is read at a bounded rate',
    async (_kind, send) => {
      const { server, url, seen } = await counting();
      const live = await LiveSocket.open(url);
      const answered: string[] = [];
      live.socket.on('pong', (data) => answered.push(String(data)));
      for (let index = 0; index < 200_000; index += 1) send(live.socket, index);
      // Each of these is answered although the flood goes on.
      for (let index = 0; index < 20; index += 1) expect(await (await fetch(url)).text()).toBe('here');
      await sleep(500);
      report(`of 200,000: ${seen.messages} messages seen, ${answered.length} pings answered`);
      expect(seen.messages).toBeLessThan(15_000);
      expect(answered.length).toBeLessThan(15_000);
      live.end();
      await server.close();
    },
    30_000,
  );

  test('is heard one event in a turn, and an ordinary client at once', async () => {
    const { server, url, seen } = await counting();
    const flood = await LiveSocket.open(url);
    let most = 0;
    let before = 0;
    let isOver = false;
    const watch = () => {
      most = Math.max(most, seen.messages - before);
      before = seen.messages;
      if (!isOver) setImmediate(watch);
    };
    watch();
    for (let index = 0; index < 400; index += 1) flood.socket.send('x');
    await eventually(() => seen.messages === 400);
    isOver = true;
    expect(most).toBeLessThanOrEqual(2);
    const pong = new Promise((resolve) => flood.socket.once('pong', (data) => resolve(String(data))));
    flood.socket.ping('still there?');
    expect(await pong).toBe('still there?');
    flood.end();
    await server.close();
  });
});

test('messages that take their time are handled one in a turn, of however many sockets', async () => {
  const server = Fastify();
  let handled = 0;
  let before = 0;
  let most = 0;
  const watch = () => {
    most = Math.max(most, handled - before);
    before = handled;
    if (handled < 100) setImmediate(watch);
  };
  const subscriptions = {
    opened: ({ onMessage }: { onMessage(receive: (text: string) => Promise<void>): void }) => {
      onMessage(async () => {
        handled += 1;
        // Longer than a turn.
        for (const end = performance.now() + 12; performance.now() < end; );
      });
      return async () => {};
    },
  };
  registerWebSockets(server, { subscriptions, turns: new Turns() });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const sockets = await openMany(20, () => LiveSocket.open(url));
  setImmediate(watch);
  for (const live of sockets) for (let index = 0; index < 5; index += 1) live.say({ type: 'ping' });
  await eventually(() => handled === 100);
  expect(most).toBeLessThanOrEqual(2);
  for (const live of sockets) live.end();
  await server.close();
});
