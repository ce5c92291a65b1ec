import { setTimeout as sleep } from 'node:timers/promises';
import {
  formBody,
  formHeaders,
  formRequest,
  graphqlForm,
  RawConnection,
  type RawResponse,
  requestHead,
} from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import { HashingServer, type HashingServerOptions, hashFile } from './hashing-server.js';

const operations = { query: 'mutation ($file: Upload) { x }', variables: { file: null } };
const limits = { operationsTimeoutMs: 300, stallTimeoutMs: 300, minBytesPerSecond: 10_000 };
const megabyte = 1024 * 1024;

let server: HashingServer;
let connection: RawConnection;

async function start(options: HashingServerOptions = { limits }): Promise<void> {
  server = await HashingServer.start({ drain: { maxBytes: megabyte, maxMs: 100 }, ...options });
  connection = await RawConnection.open(server.url);
}

afterEach(async () => {
  connection.destroy();
  await server.stop();
});

const body = formBody(
  graphqlForm(operations, { 0: ['variables.file'] }, [{ content: Buffer.alloc(megabyte) }]),
);
const request = Buffer.concat([Buffer.from(requestHead('/', formHeaders(body.length))), body]);

function expectTimeout(response: RawResponse): void {
  expect(response.status).toBe(400);
  expect(JSON.parse(response.body)).toMatchObject({
    code: 'INVALID_MULTIPART',
    message: 'The request arrives too slowly.',
    details: [{ type: 'timeout' }],
  });
}

describe('a client that is too slow', () => {
  test.each([
    ['in the head of the form', 300],
    ['in operations', 400],
    ['in a file', 2000],
    ['at the last byte', request.length - 1],
  ])('stalls %s: it is answered in time, and disconnected', async (_where, sent) => {
    await start();
    await connection.send(request.subarray(0, sent));
    const stalled = performance.now();
    expectTimeout(await connection.response());
    expect(performance.now() - stalled).toBeGreaterThan(200);
    expect(performance.now() - stalled).toBeLessThan(2000);
    await connection.closed(2000);
    expect(server.taken).toBe(server.discarded);
  });

  test('trickles into operations', async () => {
    await start({ limits: { ...limits, minBytesPerSecond: 1 } });
    await connection.send(request.subarray(0, 300));
    void connection.sendSlowly(Buffer.alloc(1000), { bytes: 1, everyMs: 20 });
    expectTimeout(await connection.response(2000));
  });

  test('trickles into a file', async () => {
    await start();
    await connection.send(request.subarray(0, 2000));
    void connection.sendSlowly(Buffer.alloc(1000), { bytes: 10, everyMs: 20 });
    expectTimeout(await connection.response(2000));
  });

  test('does not keep others waiting', async () => {
    await start();
    const slow = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(server.url)));
    for (const each of slow) await each.send(request.subarray(0, 2000));
    await connection.send(request);
    expect((await connection.response()).status).toBe(200);
    for (const each of slow) expectTimeout(await each.response());
  });
});

describe('a client that is fast enough', () => {
  test('may take longer than any one window', async () => {
    await start();
    await connection.sendSlowly(request, { bytes: 32 * 1024, everyMs: 40 });
    expect((await connection.response()).status).toBe(200);
  });

  test('does not answer for a slow storage', async () => {
    await start({
      limits,
      receive: async (file) => {
        await sleep(800);
        const hashed = await hashFile(file);
        await sleep(800);
        return hashed;
      },
    });
    const files = [
      { content: Buffer.alloc(3 * megabyte, 'a') },
      { content: Buffer.alloc(3 * megabyte, 'b') },
    ];
    const variables = { a: null, b: null };
    const form = graphqlForm({ query: 'q', variables }, { 0: ['variables.a'], 1: ['variables.b'] }, files);
    void connection.send(formRequest('/', formBody(form)));
    const { status, body: text } = await connection.response();
    expect(status).toBe(200);
    expect(JSON.parse(text).variables.b.sha256).toBe(sha256(Buffer.alloc(3 * megabyte, 'b')));
  });

  test('does not answer for a slow screening', async () => {
    await start({ limits, screen: async () => sleep(800, true) });
    void connection.send(request);
    expect((await connection.response()).status).toBe(200);
  });
});
