import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttachmentError } from '../../../src/errors.js';
import type { IncomingFile } from '../../../src/graphql/multipart/form-reader.js';
import {
  type FormPart,
  formBody,
  formHeaders,
  formRequest,
  graphqlForm,
  RawConnection,
  requestHead,
  testBoundary,
} from '../../support/raw-http.js';
import { sha256 } from '../../support/sha256.js';
import { type HashedFile, HashingServer, type HashingServerOptions, hashFile } from './hashing-server.js';

const megabyte = 1024 * 1024;
const operations = { query: 'mutation ($files: [Upload]) { x }', variables: { files: [null, null, null] } };
const map = { 0: ['variables.files.0'], 1: ['variables.files.1'], 2: ['variables.files.2'] };
const closing = `\r\n--${testBoundary}--\r\n`;

let server: HashingServer;
let connection: RawConnection;

async function start(options: HashingServerOptions): Promise<void> {
  server = await HashingServer.start(options);
  connection = await RawConnection.open(server.url);
}

afterEach(async () => {
  connection.destroy();
  await server.stop();
});

/** The form up to the content of its last file, which is then to be sent by `sendMuch`. */
function openForm(firstFiles: string[], lastSize: number): { head: string; opening: Buffer; length: number } {
  const files: FormPart[] = [...firstFiles, ''].map((content) => ({ content }));
  const opening = formBody(graphqlForm(operations, map, files)).subarray(0, -closing.length);
  const length = opening.length + lastSize + closing.length;
  return { head: requestHead('/graphql', formHeaders(length)), opening, length };
}

async function sendHugeForm(firstFiles: string[], size: number): Promise<void> {
  const { head, opening } = openForm(firstFiles, size);
  await connection.send(head);
  await connection.send(opening);
  await connection.sendMuch(size);
  await connection.send(closing);
}

const smallForm = formRequest(
  '/graphql',
  formBody(
    graphqlForm({ query: 'q', variables: { files: [null] } }, { 0: ['variables.files.0'] }, [
      { content: 'ok' },
    ]),
  ),
);

/** The very same connection serves another request. */
async function expectConnectionToCarryOn(): Promise<void> {
  await connection.send(smallForm);
  const { status, body } = await connection.response();
  expect({ status, sha256: JSON.parse(body).taken?.[0].sha256 }).toEqual({
    status: 200,
    sha256: sha256('ok'),
  });
}

describe('a request that is answered early', () => {
  const refuseFirst = () => {
    let refused = false;
    return () => {
      const first = !refused;
      refused = true;
      return first;
    };
  };

  const secondFails = () => {
    let count = 0;
    return async (file: IncomingFile): Promise<HashedFile> => {
      count += 1;
      if (count !== 2) return hashFile(file);
      throw new AttachmentError('CONTENT_TYPE_NOT_ALLOWED');
    };
  };

  test.each<[string, number, HashingServerOptions]>([
    ['before a byte is read', 401, { refuse: refuseFirst() }],
    ['at the limit of a file', 413, { maxFileSize: 3 * megabyte }],
    ['by a storage that fails unread', 415, { receive: secondFails() }],
  ])('%s: 300 MB more are dropped, and the connection carries on', async (_when, status, options) => {
    await start(options);
    const size = 300 * megabyte;
    const { head, opening } = openForm(['first'], size);
    await connection.send(head);
    await connection.send(opening);
    await connection.sendMuch(4 * megabyte);
    expect((await connection.response(1000)).status).toBe(status);
    await connection.sendMuch(size - 4 * megabyte);
    await connection.send(closing);
    await expectConnectionToCarryOn();
    expect(server.taken).toBe(server.discarded + 1);
  });

  test.each([3 * megabyte, 3 * megabyte + 1])('a file of %i bytes against a limit of 3 MiB', async (size) => {
    await start({ maxFileSize: 3 * megabyte });
    const sending = sendHugeForm(['a', 'b'], size);
    const { status, body } = await connection.response();
    await sending;
    expect(status).toBe(size === 3 * megabyte ? 200 : 413);
    if (status === 413)
      expect(JSON.parse(body)).toMatchObject({ code: 'FILE_TOO_LARGE', limit: 3 * megabyte });
    await expectConnectionToCarryOn();
  });

  test('the answer comes while the client still trickles', async () => {
    await start({ maxFileSize: 3 * megabyte });
    const { head, opening } = openForm([], 100 * megabyte);
    await connection.send(head);
    await connection.send(opening);
    await connection.sendMuch(3 * megabyte + 1);
    const passed = performance.now();
    void connection.sendSlowly(Buffer.alloc(10_000), { bytes: 100, everyMs: 10 });
    expect((await connection.response()).status).toBe(413);
    expect(performance.now() - passed).toBeLessThan(1000);
  });

  test('pipelined requests are each answered', async () => {
    await start({ maxFileSize: 3 * megabyte });
    const large = formBody(graphqlForm(operations, map, [{ content: Buffer.alloc(8 * megabyte) }]));
    void connection.send(
      Buffer.concat([formRequest('/', large), smallForm, formRequest('/', large), smallForm]),
    );
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await connection.response()).status);
    expect(statuses).toEqual([413, 200, 413, 200]);
  });

  test('no memory is held for what is dropped', async () => {
    await start({ maxFileSize: 3 * megabyte });
    const before = process.memoryUsage().rss;
    await Promise.all([sendHugeForm([], 200 * megabyte), connection.response()]);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * megabyte);
  });
});

describe('the bounds of draining', () => {
  test('past so many bytes the connection is destroyed', async () => {
    await start({ maxFileSize: 1000, drain: { maxBytes: 8 * megabyte, maxMs: 30_000 } });
    const sending = sendHugeForm([], 500 * megabyte);
    expect((await connection.response()).status).toBe(413);
    await connection.closed(5000);
    await sending;
  });

  test('past so much time the connection is destroyed', async () => {
    await start({ refuse: () => true, drain: { maxBytes: megabyte, maxMs: 200 } });
    const begun = performance.now();
    await connection.send(requestHead('/', formHeaders(1000)));
    expect((await connection.response()).status).toBe(401);
    await connection.closed(5000);
    expect(performance.now() - begun).toBeGreaterThan(190);
  });
});

describe('a connection that is to end with the early answer', () => {
  test.each(['read', 'unread'])('is kept until the client has sent all, its body %s', async (how) => {
    await start(how === 'read' ? { maxFileSize: 1000 } : { refuse: () => true });
    const { opening, length } = openForm([], 50 * megabyte);
    await connection.send(requestHead('/', { ...formHeaders(length), Connection: 'close' }));
    connection.stopReading();
    await connection.send(opening);
    await connection.sendMuch(25 * megabyte);
    await sleep(50);
    await connection.sendMuch(25 * megabyte);
    await connection.send(closing);
    connection.startReading();
    expect((await connection.response()).status).toBe(how === 'read' ? 413 : 401);
    await connection.closed();
  });

  test('is seen by a client that sends all before it reads', async () => {
    await start({ refuse: () => true });
    expect(await postWithAgent(new Agent({ keepAlive: false }))).toBe(401);
  });

  async function postWithAgent(agent: Agent): Promise<number | undefined> {
    const request = httpRequest(server.url, { method: 'POST', agent });
    request.end(Buffer.alloc(50 * megabyte));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    agent.destroy();
    return response.statusCode;
  }
});
