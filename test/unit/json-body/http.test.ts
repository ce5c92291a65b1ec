import { setTimeout as sleep } from 'node:timers/promises';
import type { LongTextSource } from '../../../src/graphql/json-body/read-json-body.js';
import { chunked, RawConnection, type RawResponse, requestHead } from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import { type HashedText, hashText, JsonServer, type JsonServerOptions } from './json-server.js';

const megabyte = 1024 * 1024;
const contents = [Buffer.alloc(300_000, 'a'), Buffer.alloc(3 * megabyte, 'b')];
const body = Buffer.from(
  JSON.stringify({ query: '{ a }', variables: contents.map((content) => content.toString('base64')) }),
);
const head = requestHead('/', { 'Content-Type': 'application/json', 'Content-Length': body.length });
const request = Buffer.concat([Buffer.from(head), body]);
const bodyStart = head.length;

let server: JsonServer;
let connection: RawConnection;
const unhandled: unknown[] = [];
const noteUnhandled = (error: unknown) => unhandled.push(error);

async function start(options: JsonServerOptions = {}): Promise<void> {
  server = await JsonServer.start(options);
  connection = await RawConnection.open(server.url);
}

beforeAll(() => {
  process.on('unhandledRejection', noteUnhandled).on('uncaughtException', noteUnhandled);
});

afterAll(() => {
  process.off('unhandledRejection', noteUnhandled).off('uncaughtException', noteUnhandled);
});

afterEach(async () => {
  connection.destroy();
  await server.stop();
  expect(unhandled).toEqual([]);
  expect(server.leftBehind).toBe(0);
  expect(server.leakedListeners.filter((count) => count > 0)).toEqual([]);
});

function expectWhole(response: RawResponse): void {
  expect(response.status).toBe(200);
  const { taken }: { taken: HashedText[] } = JSON.parse(response.body);
  expect(taken.map(({ sha256 }) => sha256)).toEqual(contents.map((content) => sha256(content)));
}

function expectFault(response: RawResponse, type: string): void {
  expect(response.status).toBe(400);
  expect(JSON.parse(response.body)).toMatchObject({ code: 'BAD_USER_INPUT', details: [{ type }] });
}

/** Waits until the server has settled `count` requests. */
async function settled(count: number): Promise<void> {
  for (const deadline = performance.now() + 10_000; server.settled < count; await sleep(5))
    if (performance.now() > deadline) throw new Error('The request was never settled');
}

describe('over one connection', () => {
  beforeEach(() => start());

  test('bodies come with a length, in chunks, or not at all', async () => {
    await connection.send(request);
    expectWhole(await connection.response());
    await connection.send(requestHead('/', { 'Transfer-Encoding': 'chunked' }));
    await connection.send(chunked(body, 100_000));
    expectWhole(await connection.response());
    await connection.send(requestHead('/', { 'Content-Length': 0 }));
    expectFault(await connection.response(), 'json_invalid');
    await connection.send(request);
    expectWhole(await connection.response());
  });

  test('a refused body does not harm the next one', async () => {
    const broken = Buffer.from(request);
    broken.write('!', bodyStart + 400_000);
    for (const bytes of [broken, request, broken, broken, request]) {
      await connection.send(bytes);
      const response = await connection.response();
      if (bytes === request) expectWhole(response);
      else expect(JSON.parse(response.body)).toMatchObject({ code: 'INVALID_BASE64' });
    }
    expect([server.taken, server.discarded]).toEqual([4, 0]);
  });

  test('a body that is too long by its own account is refused unread', async () => {
    await connection.send(requestHead('/', { 'Content-Length': 600 * megabyte }));
    const response = await connection.response(1000);
    expect(response.status).toBe(413);
    expect(JSON.parse(response.body)).toMatchObject({ code: 'REQUEST_TOO_LARGE', limit: 512 * megabyte });
  });
});

describe('a client that goes away', () => {
  test.each([
    ['before the body', 0],
    ['after a byte', 1],
    ['before the first text is long', 100_000],
    ['within the first text', 350_000],
    ['between the texts', 400_100],
    ['half way', body.length >> 1],
    ['before the last byte', body.length - 1],
  ])('%s', async (_when, bytes) => {
    await start();
    for (const leave of ['abort', 'destroy'] as const) {
      const leaving = await RawConnection.open(server.url);
      await leaving.send(request.subarray(0, bodyStart + bytes));
      await sleep(30);
      leaving[leave]();
    }
    await settled(2);
    expect(server.taken).toBe(server.discarded);
    await connection.send(request);
    expectWhole(await connection.response());
  });

  test('at any of 200 bytes', async () => {
    await start();
    for (let index = 0; index < 200; index += 1) {
      const leaving = await RawConnection.open(server.url);
      await leaving.send(request.subarray(0, bodyStart + Math.floor((index * body.length) / 200)));
      leaving.abort();
    }
    // The request that was sent last is answered last.
    await connection.send(request);
    expectWhole(await connection.response());
    await settled(server.begun);
    expect(server.taken - contents.length).toBe(server.discarded);
  });

  test('while its text waits for the storage', async () => {
    const failures: unknown[] = [];
    await start({
      receive: async (source: LongTextSource) => {
        connection.abort();
        await sleep(100);
        return hashText(source).catch((error: unknown) => {
          failures.push(error);
          throw error;
        });
      },
    });
    void connection.send(request.subarray(0, bodyStart + 350_000));
    await settled(1);
    expect(failures).toMatchObject([{ details: [{ type: 'client_aborted' }] }]);
  });
});

describe('a client that is too slow', () => {
  const limits = { operationsTimeoutMs: 300, stallTimeoutMs: 300, minBytesPerSecond: 10_000 };
  const drain = { maxBytes: megabyte, maxMs: 100 };

  test.each([
    ['before the body', 0],
    ['before the first text is long', 100_000],
    ['within the first text', 350_000],
    ['between the texts', 400_100],
    ['at the last byte', body.length - 1],
  ])('stalls %s: it is answered in time, and disconnected', async (_where, sent) => {
    await start({ limits, drain });
    await connection.send(request.subarray(0, bodyStart + sent));
    const stalled = performance.now();
    expectFault(await connection.response(), 'timeout');
    expect(performance.now() - stalled).toBeGreaterThan(150);
    expect(performance.now() - stalled).toBeLessThan(2000);
    expect(server.taken).toBe(server.discarded);
    await connection.closed(2000);
  });

  test('trickles what is no long text', async () => {
    await start({ limits: { ...limits, minBytesPerSecond: 1 }, drain });
    await connection.send(head);
    void connection.sendSlowly(body.subarray(0, 1000), { bytes: 1, everyMs: 20 });
    expectFault(await connection.response(2000), 'timeout');
  });

  test('trickles a long text', async () => {
    await start({ limits, drain });
    await connection.send(request.subarray(0, bodyStart + 350_000));
    void connection.sendSlowly(Buffer.alloc(1000, 'a'), { bytes: 10, everyMs: 20 });
    expectFault(await connection.response(3000), 'timeout');
  });
});

describe('a client that is fast enough', () => {
  const limits = { operationsTimeoutMs: 1500, stallTimeoutMs: 500, minBytesPerSecond: 10_000 };

  test('may take its time for long texts', async () => {
    await start({ limits: { ...limits, longTextThreshold: 1024 } });
    const started = performance.now();
    await connection.sendSlowly(request, { bytes: 64 * 1024, everyMs: 40 });
    expectWhole(await connection.response());
    expect(performance.now() - started).toBeGreaterThan(limits.operationsTimeoutMs);
  });

  test('does not answer for a slow storage', async () => {
    await start({
      limits,
      receive: async (source) => {
        await sleep(800);
        const hashed = await hashText(source);
        await sleep(800);
        return hashed;
      },
    });
    void connection.send(request);
    expectWhole(await connection.response());
  });
});
