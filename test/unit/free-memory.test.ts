import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { freeMemory, freeRead } from '../../src/free-memory.js';
import { readInTurns } from '../../src/http/read-in-turns.js';
import { Turns } from '../../src/limits/turns.js';
import { createFile, startDownloadServer } from './download/download-server.js';
import { bytes, TestedIntake } from './intake/tested-intake.js';

const chunkSize = 64 * 1024;

/** Chunks that have their memory to themselves, as those of the network have. */
function ownChunks(content: Buffer): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < content.length; start += chunkSize)
    chunks.push(new Uint8Array(content.subarray(start, start + chunkSize)));
  return chunks;
}

const kept = (chunks: readonly Uint8Array[]) => chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);

test('bytes that are freed have no memory any more, unless others have a part of it', () => {
  const [whole, shared] = [new Uint8Array(chunkSize), new Uint8Array(chunkSize)];
  const part = shared.subarray(1);
  freeMemory(whole);
  freeMemory(part);
  freeMemory(new Uint8Array(new SharedArrayBuffer(8)));
  expect([whole.byteLength, whole.buffer.byteLength, part.byteLength]).toEqual([0, 0, chunkSize - 1]);
});

test('a read is freed with what is behind it, and a short buffer of a pool leaves the others theirs', () => {
  const [read, pool] = [new ArrayBuffer(chunkSize), new ArrayBuffer(chunkSize)];
  freeRead(new Uint8Array(read, 0, chunkSize - 1));
  freeRead(new Uint8Array(pool, 0, 100));
  expect([read.byteLength, pool.byteLength]).toEqual([0, chunkSize]);
});

test('content that is being stored keeps two batches in memory at most', async () => {
  const intake = new TestedIntake();
  const chunks = ownChunks(bytes);
  const before = kept(chunks);
  const { size } = await intake.take(Readable.from(chunks));
  expect([size, before]).toEqual([bytes.length, bytes.length]);
  expect(kept(chunks)).toBeLessThanOrEqual(2 * 1024 * 1024);
  await intake.close();
});

test('pieces of a body are freed once they are parsed', async () => {
  const server = createServer();
  const pieces: Buffer[] = [];
  server.on('connection', (socket) => socket.on('data', (piece: Buffer) => pieces.push(piece)));
  const received: Buffer[] = [];
  server.on('request', (request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () => response.end());
  });
  readInTurns(server, new Turns());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`);
  client.write(bytes);
  await once(client, 'data');
  expect(Buffer.concat(received).equals(bytes)).toBe(true);
  // But for the first pieces, which come with the headers.
  expect(kept(pieces)).toBeLessThanOrEqual(4 * chunkSize);
  client.destroy();
  server.close();
});

test('pieces of a stored file are freed once they are sent', async () => {
  const file = createFile(bytes);
  const chunks = ownChunks(bytes);
  const storage = { read: async () => Readable.from(chunks) };
  const server = await startDownloadServer([file], { storage });
  const answer = await server.get(server.urls.url(file), { authorization: 'Basic good' });
  expect(answer.body.equals(bytes)).toBe(true);
  expect(kept(chunks)).toBe(0);
  await server.close();
});

test('bytes of a row stay, for they may be another reader’s, too', async () => {
  const large = bytes.subarray(0, 4 * chunkSize);
  const { organizationId, documentKey } = createFile(large);
  const file = createFile(large, { organizationId, documentKey: `${documentKey.slice(0, -2)}00` });
  const chunks = ownChunks(large);
  const server = await startDownloadServer([file], { storage: { read: async () => Readable.from(chunks) } });
  const answer = await server.get(server.urls.url(file), { authorization: 'Basic good' });
  expect(answer.body.equals(large)).toBe(true);
  expect(kept(chunks)).toBe(large.length);
  await server.close();
});
