import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextRound } from 'node:timers/promises';
import { readInTurns } from '../../../src/http/read-in-turns.js';
import { Turns } from '../../../src/limits/turns.js';
import { chunked, RawConnection, requestHead } from '../../support/raw-http.js';

/** Every piece of work fills a round. */
class OneInEachRound extends Turns {
  override isOver(): boolean {
    return true;
  }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

let server: Server;
let connections: RawConnection[];

beforeEach(() => {
  server = createServer();
  connections = [];
});
afterEach(() => {
  for (const connection of connections) connection.destroy();
  server.closeAllConnections();
  server.close();
});

async function open(count: number): Promise<RawConnection[]> {
  if (!server.listening) {
    readInTurns(server, new OneInEachRound());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const opened = await Promise.all(Array.from({ length: count }, () => RawConnection.open(url)));
  connections.push(...opened);
  return opened;
}

/** The most that was counted in one round of the event loop, while `work` goes on. */
async function mostInRound(read: () => number, work: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  void work.then(() => {
    isOver = true;
  });
  for (let before = read(); !isOver; before = read()) {
    await nextRound();
    most = Math.max(most, read() - before);
  }
  return most;
}

async function answersOf(connection: RawConnection, count: number): Promise<string[]> {
  const bodies: string[] = [];
  while (bodies.length < count) bodies.push((await connection.response()).body);
  return bodies;
}

const paths = Array.from({ length: 300 }, (_, index) => `/${index}`);

test('requests that come together are parsed a few in a round, whatever the connections, and answered in order', async () => {
  let parsed = 0;
  server.on('request', ({ url }, response) => response.end(url));
  const clients = await open(10);
  server.prependListener('request', () => {
    parsed += 1;
  });
  const all = Promise.all(
    clients.map(async (client) => {
      await client.send(paths.map(get).join(''));
      return answersOf(client, paths.length);
    }),
  );
  expect(await mostInRound(() => parsed, all)).toBeLessThanOrEqual(8);
  for (const answers of await all) expect(answers).toEqual(paths);
});

test('chunks of a byte are parsed a few hundred in a round, and none is lost', async () => {
  let chunks = 0;
  server.on('request', (request, response) => {
    let size = 0;
    request.on('data', (piece: Buffer) => {
      chunks += 1;
      size += piece.length;
    });
    request.on('end', () => response.end(String(size)));
  });
  const clients = await open(5);
  const head = requestHead('/', { 'Transfer-Encoding': 'chunked' });
  const body = Buffer.concat([Buffer.from(head), chunked(Buffer.alloc(20_000, 'x'), 1)]);
  const all = Promise.all(
    clients.map(async (client) => {
      await client.send(body);
      return answersOf(client, 1);
    }),
  );
  expect(await mostInRound(() => chunks, all)).toBeLessThanOrEqual(128);
  expect((await all).flat()).toEqual(Array(5).fill('20000'));
  expect(chunks).toBe(100_000);
});

test('a client that sends one request comes before those of another that wait', async () => {
  const answered: string[] = [];
  server.on('request', ({ url = '' }, response) => {
    answered.push(url);
    response.end(url);
  });
  const [flood, other] = await open(2);
  await flood?.send(paths.map(get).join(''));
  await flood?.response();
  await other?.send(get('/other'));
  expect((await other?.response())?.body).toBe('/other');
  expect(answered.length).toBeLessThan(200);
});

test('no more than sixteen requests are parsed behind one that is not answered, and hardly more is read', async () => {
  let parsed = 0;
  let bytesRead = () => 0;
  server.on('request', () => undefined);
  const [waiting] = await open(1);
  server.prependListener('request', (request) => {
    parsed += 1;
    bytesRead = () => request.socket.bytesRead;
  });
  const sent = waiting?.send(get('/').repeat(500_000));
  await once(server, 'request');
  for (let before = -1; bytesRead() > before; await new Promise((resolve) => setTimeout(resolve, 100)))
    before = bytesRead();
  expect(parsed).toBeGreaterThan(1);
  expect(parsed).toBeLessThanOrEqual(17);
  expect(bytesRead()).toBeLessThanOrEqual(4 * 64 * 1024);
  waiting?.destroy();
  await sent;
});

test('a body whose length is declared is handed on as it comes, whatever is in it, and the next request after it', async () => {
  let pieces = 0;
  const sizes: number[] = [];
  server.on('request', (request, response) => {
    let size = 0;
    request.on('data', (piece: Buffer) => {
      pieces += 1;
      size += piece.length;
    });
    request.on('end', () => {
      sizes.push(size);
      response.end('read');
    });
  });
  const [client] = await open(1);
  const body = Buffer.alloc(8 * 1024 * 1024, '\r\n');
  const request = Buffer.concat([Buffer.from(requestHead('/', { 'Content-Length': body.length })), body]);
  await client?.send(Buffer.concat([request, request]));
  expect(await answersOf(client as RawConnection, 2)).toEqual(['read', 'read']);
  expect(sizes).toEqual([body.length, body.length]);
  // In slices of lines there were 32,768.
  expect(pieces).toBeLessThan(4_000);
});
