import { createHash, randomUUID } from 'node:crypto';
import { close, createReadStream, createWriteStream, fdatasync, open, write, writev } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/*
 * The yardstick: what node:http alone needs to store and serve the same bytes with the same digests, with `--sync` durably.
 * `node bare-server.js <directory> [--sync]` prints its address; POST stores the body, GET /<name> serves it.
 */

const [directory, sync] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: bare-server.js <directory> [--sync]');
const root = directory;
const writing = { flush: sync === '--sync', fs: { open, write, writev, close, fsync: fdatasync } };

const server = createServer((request, response) => {
  const answer = request.method === 'POST' ? receive : serve;
  answer(request, response).catch((error: unknown) => response.destroy(error as Error));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = randomUUID();
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    md5.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
  });
  await pipeline(request, createWriteStream(join(root, name), writing));
  const answer = JSON.stringify({ name, size, md5: md5.digest('hex'), sha256: sha256.digest('hex') });
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(answer));
  response.end(answer);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = join(root, basename(request.url ?? ''));
  const { size } = await stat(path);
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Length', size);
  await pipeline(createReadStream(path), response);
}
