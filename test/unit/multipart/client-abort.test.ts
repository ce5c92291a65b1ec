import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingFile } from '../../../src/graphql/multipart/form-reader.js';
import { processMultipart } from '../../../src/graphql/multipart/process-multipart.js';
import { formBody, formRequest, graphqlForm, RawConnection } from '../../support/raw-http.js';
import { type HashedFile, HashingServer, hashFile, testLimits } from './hashing-server.js';

const megabyte = 1024 * 1024;
const operations = { query: 'mutation ($a: Upload, $b: Upload) { x }', variables: { a: null, b: null } };
const files = [{ content: Buffer.alloc(100_000, 'a') }, { content: Buffer.alloc(4 * megabyte, 'b') }];
const request = formRequest(
  '/',
  formBody(graphqlForm(operations, { 0: ['variables.a'], 1: ['variables.b'] }, files)),
);
const bodyStart = request.indexOf('\r\n\r\n') + 4;

let server: HashingServer;
let started = 0;
let streamErrors: unknown[];
const unhandled: unknown[] = [];
const noteUnhandled = (error: unknown) => unhandled.push(error);

beforeAll(() => {
  process.on('unhandledRejection', noteUnhandled).on('uncaughtException', noteUnhandled);
});

afterAll(() => {
  process.off('unhandledRejection', noteUnhandled).off('uncaughtException', noteUnhandled);
});

beforeEach(async () => {
  started = 0;
  streamErrors = [];
  server = await HashingServer.start({ receive: noteErrors });
});

afterEach(async () => {
  const other = await RawConnection.open(server.url);
  await other.send(request);
  expect((await other.response()).status).toBe(200);
  other.destroy();
  await server.stop();
  expect(unhandled).toEqual([]);
});

async function noteErrors(file: IncomingFile): Promise<HashedFile> {
  started += 1;
  try {
    return await hashFile(file);
  } catch (error) {
    streamErrors.push(error);
    throw error;
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`It never came to ${isSo}`);
    await sleep(5);
  }
}

/** Waits until the server is done with `count` requests. */
async function settled(count: number): Promise<void> {
  await until(() => server.leakedListeners.length === count);
}

describe('a client that goes away', () => {
  const whole = request.length - bodyStart;

  test.each([
    ['before the body', 0, 0, 0],
    ['after a byte', 1, 0, 0],
    ['within the map', 400, 0, 0],
    ['within the first file', 64 * 1024, 1, 0],
    ['half way', whole >> 1, 2, 1],
    ['before the last byte', whole - 1, 2, 2],
  ])('%s', async (_when, bytes, filesStarted, filesTaken) => {
    for (const [index, leave] of (['abort', 'destroy'] as const).entries()) {
      const connection = await RawConnection.open(server.url);
      await connection.send(request.subarray(0, bodyStart + bytes));
      await until(() => started === filesStarted * (index + 1));
      await until(() => server.taken === filesTaken * (index + 1));
      connection[leave]();
      await settled(index + 1);
    }
    expect(server.discarded).toBe(2 * filesTaken);
    expect(streamErrors).toHaveLength(2 * (filesStarted - filesTaken));
    for (const error of streamErrors) expect(error).toMatchObject({ code: 'INVALID_MULTIPART' });
  });

  test('at any of 300 bytes', async () => {
    const step = Math.ceil(request.length / 200);
    const points = [...Array(100).keys(), ...Array.from({ length: 200 }, (_, index) => index * step)];
    for (const point of points) {
      const connection = await RawConnection.open(server.url);
      await connection.send(request.subarray(0, bodyStart + Math.min(point, whole - 1)));
      connection.abort();
    }
    await sleep(100);
    await until(() => server.taken === server.discarded);
  });
});

test('a client that goes away while a file of its own, sent already, waits for the storage, fails that file', async () => {
  await server.stop();
  let failed = 0;
  server = await HashingServer.start({
    receive: async (file) => {
      await sleep(100);
      return hashFile(file).catch((error: unknown) => {
        failed += 1;
        throw error;
      });
    },
  });
  const connection = await RawConnection.open(server.url);
  await connection.send(request.subarray(0, bodyStart + 200_000));
  await sleep(20);
  connection.abort();
  await settled(1);
  expect(failed).toBe(1);
  expect(server.taken).toBe(0);
});

test('a request whose body has been read already is refused at once', async () => {
  const { headers, method } = new Request(server.url, { method: 'POST', body: new FormData() });
  const spent = createServer(async (incoming, response) => {
    await incoming.resume().toArray();
    const handlers = { screen: () => true, receive: hashFile, discard: async () => {} };
    const fault = await processMultipart(incoming, testLimits, handlers).catch((error: unknown) => error);
    response.end(JSON.stringify(fault));
  });
  spent.listen(0, '127.0.0.1');
  await once(spent, 'listening');
  const { port } = spent.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}`, { method, headers, body: 'x' });
  expect(await response.json()).toMatchObject({ details: [{ type: 'client_aborted' }] });
  spent.closeAllConnections();
  spent.close();
});
