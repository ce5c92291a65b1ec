import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import { registerWebSockets } from '../../../src/http/websocket-route.js';
import { Turns } from '../../../src/limits/turns.js';
import { eventually } from '../../service/live/live-client.js';
import { LiveSocket } from '../../service/live/live-socket.js';

test('a client that answers no pings is let go, one that does stays', async () => {
  const server = Fastify();
  const subscriptions = { opened: () => async () => {} };
  const countOpen = registerWebSockets(server, { subscriptions, turns: new Turns(), pingIntervalMs: 400 });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const alive = await LiveSocket.open(url);
  const dead = await LiveSocket.open(url);
  dead.socket.pause();
  expect(countOpen()).toBe(2);
  await eventually(() => countOpen() === 1);
  await sleep(1_200);
  expect([countOpen(), alive.socket.readyState]).toEqual([1, alive.socket.OPEN]);
  await server.close();
  expect(await alive.closed).toBe(1001);
  dead.end();
});
