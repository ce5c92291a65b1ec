import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { formBody, formHeaders, graphqlForm, RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openDescriptors } from './open-descriptors.js';
import { blobKeys, mapOne, mebibyte, uploadOne } from './upload-session.js';

const rounds = 3;
const random = seededRandom();

let directory: string;
let service: SpawnedService;
let left = 0;
let kept = 0;
let openAtFirst = Number.POSITIVE_INFINITY;

beforeAll(async () => {
  directory = await makeTemporaryDirectory();
  service = await spawnService({ DATA_DIR: directory });
  await Promise.all(Array.from({ length: 4 }, uploadWhole));
  await settled();
  openAtFirst = descriptors();
});

afterAll(async () => {
  const { exitCode } = service.process;
  const [{ leaked }, ending] = [await settled(), await service.end('SIGTERM')];
  await rm(directory, { recursive: true });
  report(
    `aborts: seed ${random.seed}, ${left} clients gone, ${kept} of their files kept, ` +
      `${openAtFirst} descriptors at first, ${leaked} more at the end`,
  );
  expect([exitCode, ending, service.output().stderr]).toEqual([null, 0, '']);
});

const descriptors = () => openDescriptors(service.process.pid);

const headersOf = (key: string | null) => ({
  ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
  'Apollo-Require-Preflight': 'true',
});

function newRequest(key: string | null): { head: string; body: Buffer } {
  const content = randomBytes(random.integer(3.1 * mebibyte, 6 * mebibyte));
  const body = formBody(graphqlForm(uploadOne, mapOne, [{ content }]));
  return { head: requestHead('/graphql', { ...headersOf(key), ...formHeaders(body.length) }), body };
}

async function uploadWhole(): Promise<void> {
  const connection = await RawConnection.open(service.url);
  const { head, body } = newRequest(service.client.key);
  void connection.send(head);
  void connection.send(body);
  const response = await connection.response();
  expect([response.status, JSON.parse(response.body).errors]).toEqual([200, undefined]);
  connection.destroy();
}

/** Sends so many bytes of a body, and goes away, by a reset or politely, now or a moment later. */
async function leaveAfter(bytes: (body: Buffer) => number, key = service.client.key): Promise<void> {
  const connection = await RawConnection.open(service.url);
  const { head, body } = newRequest(key);
  await connection.send(head);
  await connection.send(body.subarray(0, bytes(body)));
  await sleep(random.integer(0, 30));
  connection[random.next() < 0.5 ? 'abort' : 'destroy']();
  left += 1;
}

/** Waits, a few seconds at most, until no file is left that has no row and nothing is left open. */
async function settled(): Promise<{ files: string[]; rows: string[]; leaked: number }> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const leaked = Math.max(0, descriptors() - openAtFirst);
    const [files, rows] = [await storedFiles(directory), await blobKeys(directory)];
    if (performance.now() > deadline) return { files, rows, leaked };
    if (leaked === 0 && files.join() === rows.join()) return { files, rows, leaked };
    await sleep(20);
  }
}

async function expectNoTrace(leave: () => Promise<void>): Promise<void> {
  const before = await blobKeys(directory);
  for (let round = 0; round < rounds; round += 1) await leave();
  const { files, rows, leaked } = await settled();
  expect(files).toEqual(rows);
  expect(leaked).toBe(0);
  kept += rows.length - before.length;
  await uploadWhole();
}

test.each<[string, (body: Buffer) => number]>([
  ['before the body', () => 0],
  ['after a byte', () => 1],
  ['within the operations', () => 200],
  ['after 64 KiB', () => 64 * 1024],
  ['half way', (body) => body.length >> 1],
  ['before the last byte', (body) => body.length - 1],
  ['before the answer', (body) => body.length],
  ['anywhere', (body) => random.integer(0, body.length)],
])('a client that goes away %s leaves no trace', async (_where, bytes) => {
  await expectNoTrace(() => leaveAfter(bytes));
});

test('twenty clients that go away at once leave no trace', async () => {
  await expectNoTrace(async () => {
    const leaving = Array.from({ length: 20 }, () => leaveAfter((body) => random.integer(0, body.length)));
    await Promise.all(leaving);
  });
});

test('a client that goes away while the rest of a refused request is dropped leaves no trace', async () => {
  await expectNoTrace(() => leaveAfter((body) => body.length >> 1, null));
});

test('a client that goes away with requests waiting behind one another leaves no trace', async () => {
  await expectNoTrace(async () => {
    const connection = await RawConnection.open(service.url);
    for (let index = 0; index < 3; index += 1) {
      const { head, body } = newRequest(service.client.key);
      void connection.send(Buffer.concat([Buffer.from(head), body]));
    }
    await sleep(random.integer(0, 60));
    connection.abort();
    left += 1;
  });
});
