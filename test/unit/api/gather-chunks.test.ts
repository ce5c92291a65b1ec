import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gatherChunks } from '../../../src/http/read-in-turns.js';
import { chunked, RawConnection, requestHead } from '../../support/raw-http.js';

const head = requestHead('/', { 'Transfer-Encoding': 'chunked' });

let server: Server;
let connection: RawConnection;
let received: Promise<IncomingMessage>;

beforeEach(async () => {
  server = createServer();
  gatherChunks(server);
  received = once(server, 'request').then(([request]) => request as IncomingMessage);
  server.on('request', (request, response) => request.once('end', () => response.end('read')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  connection = await RawConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => {
  connection.destroy();
  server.closeAllConnections();
  server.close();
});

test('a chunk for each byte comes in few pieces, whole and in order', async () => {
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  const sent = connection.send(Buffer.concat([Buffer.from(head), chunked(content, 1)]));
  const pieces: Buffer[] = [];
  (await received).on('data', (piece: Buffer) => pieces.push(piece));
  await sent;
  expect((await connection.response()).body).toBe('read');
  expect(Buffer.concat(pieces)).toEqual(content);
  expect(pieces.length).toBeLessThan(content.length / 100);
});

test('a body that nobody reads is not read from its connection', async () => {
  const content = Buffer.alloc(32 * 1024 * 1024, 'x');
  const sent = connection.send(Buffer.concat([Buffer.from(head), chunked(content, 1_000)]));
  const request = await received;
  let before = -1;
  while (request.socket.bytesRead > before) {
    before = request.socket.bytesRead;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(request.readableLength).toBeLessThan(1024 * 1024);
  let size = 0;
  request.on('data', (piece: Buffer) => {
    size += piece.length;
  });
  await sent;
  expect((await connection.response()).body).toBe('read');
  expect(size).toBe(content.length);
});
