import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { openTestDatabase } from '../../support/test-database.js';
import { createKey, tryRevokeKey } from '../auth/key-operations.js';
import { attach, offsetStream, TusClient } from './tus-client.js';

const mebibyte = 1024 * 1024;

let here: TestService;
/** Another process, as far as it can tell, on the same rows and files. */
let there: TestService;
let tus: TusClient;
let elsewhere: TusClient;
beforeAll(async () => {
  here = await startService();
  const env = { DATA_DIR: here.dataDirectory, BOOTSTRAP_API_KEY: here.key };
  there = await startService(env);
  tus = new TusClient(here, here.key);
  elsewhere = new TusClient(there, here.key);
});
afterAll(async () => {
  await there.close();
  await here.close();
});

const keyOf = async (url: string) => (await tus.head(url)).headers.get('upload-document-key') ?? '';
const digestOf = async (url: string) => {
  const attachment = await attach(here, await keyOf(url));
  return typeof attachment === 'string' ? attachment : attachment.sha256.hash;
};

/** A connection that has sent the head of a PATCH at 0 and so many bytes of the body. */
async function begin(url: string, body: Buffer, bytes: number): Promise<RawConnection> {
  const connection = await RawConnection.open(here.url);
  const headers = {
    Authorization: `Bearer ${here.key}`,
    'Tus-Resumable': '1.0.0',
    'Upload-Offset': 0,
    'Content-Type': offsetStream,
    'Content-Length': body.length,
  };
  const head = requestHead(new URL(url).pathname, headers).replace('POST', 'PATCH');
  await connection.send(Buffer.concat([Buffer.from(head), body.subarray(0, bytes)]));
  return connection;
}

/** Waits for a request that has the upload of this key in hand. */
async function untilTaken(key: string): Promise<void> {
  while (!(await storedFiles(here.dataDirectory)).some((name) => name.includes(key.slice(-36))));
}

/** Sends the rest of an upload, as often as it takes. */
async function goOn(client: TusClient, url: string, content: Buffer): Promise<number> {
  for (let requests = 1; ; requests += 1) {
    const offset = await client.offset(url);
    if (offset === content.length) return requests;
    const { status } = await client.patch(url, offset, content.subarray(offset));
    expect([204, 408, 409]).toContain(status);
  }
}

test('bytes of a request whose connection breaks count, and the next goes on from there', async () => {
  const content = randomBytes(3 * mebibyte);
  const url = await tus.create(content.length);
  const connection = await begin(url, content, 2 * mebibyte + 7);
  while ((await tus.offset(url)) === 0) connection.destroy();
  expect(await tus.offset(url)).toBeLessThanOrEqual(2 * mebibyte + 7);
  await goOn(tus, url, content);
  expect(await digestOf(url)).toBe(sha256(content));
});

test('a request takes over from one that is silent, which ends, and has its bytes', async () => {
  const content = randomBytes(2 * mebibyte);
  const url = await tus.create(content.length);
  const stalled = await begin(url, content, mebibyte);
  // While they arrive, no more is told than what is durable.
  while ((await tus.offset(url)) < mebibyte);
  const { status, body } = await stalled.response();
  expect([status, body]).toEqual([408, expect.stringContaining('taken_over')]);
  await goOn(tus, url, content);
  expect(await digestOf(url)).toBe(sha256(content));
});

test('a request whose upload is terminated meanwhile learns that it is gone', async () => {
  const content = randomBytes(2 * mebibyte);
  const url = await tus.create(content.length);
  const key = await keyOf(url);
  const first = await begin(url, content, mebibyte);
  await untilTaken(key);
  expect((await tus.send(url, { method: 'DELETE' })).status).toBe(204);
  await first.send(content.subarray(mebibyte));
  const { status, body } = await first.response();
  expect([status, body]).toEqual([410, expect.stringContaining('upload_gone')]);
});

test('while bytes arrive, another PATCH is told the true offset', async () => {
  const content = randomBytes(300_000);
  const url = await tus.create(content.length);
  const key = await keyOf(url);
  const first = await begin(url, content, 1_000);
  await untilTaken(key);
  const sending = first.sendSlowly(content.subarray(1_000, 61_000), { bytes: 1_000, everyMs: 40 });
  const second = await tus.patch(url, 0, content);
  expect([second.status, second.fault]).toEqual([409, 'UPLOAD_NOT_FINISHED upload_under_way']);
  expect(second.headers.get('upload-offset')).toMatch(/^\d+$/);
  await sending;
  await first.send(content.subarray(61_000));
  expect((await first.response()).status).toBe(204);
  expect(await digestOf(url)).toBe(sha256(content));
});

test.each(['in one process', 'in two'])('one of several PATCHes at one offset wins, %s', async (where) => {
  const second = where === 'in two' ? elsewhere : tus;
  const counts: Record<number, number> = {};
  for (let round = 0; round < 5; round += 1) {
    const bodies = [0, 1, 2, 3].map(() => randomBytes(200_000));
    const url = await tus.create(200_000);
    const answers = await Promise.all(
      bodies.map((body, index) => (index % 2 ? second : tus).patch(url, 0, body)),
    );
    const winners = answers.flatMap(({ status }, index) => (status === 204 ? [index] : []));
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    expect(winners).toHaveLength(1);
    expect(await digestOf(url)).toBe(sha256(bodies[winners[0] ?? 0] ?? Buffer.of()));
  }
  expect(Object.keys(counts).sort()).toEqual(['204', '409']);
});

test('another process goes on without the digests of the first, and takes over from one that is silent', async () => {
  const content = randomBytes(3 * mebibyte);
  const url = await tus.create(content.length);
  await tus.patch(url, 0, content.subarray(0, 1_000_000));
  await elsewhere.patch(url, 1_000_000, content.subarray(1_000_000, 2_000_000));
  await tus.patch(url, 2_000_000, content.subarray(2_000_000));
  expect(await digestOf(url)).toBe(sha256(content));
  const other = await tus.create(content.length);
  const stalled = await begin(other, content, mebibyte);
  while ((await elsewhere.offset(other)) === 0);
  await goOn(elsewhere, other, content);
  await stalled.closed(10_000);
  expect(await digestOf(other)).toBe(sha256(content));
});

test('a revoked credential brings no further byte, be the upload made by POST or by createUploadTarget', async () => {
  const { apiKey, client } = await createKey(here.client, { permissions: ['attachments:write'] });
  const own = new TusClient(here, client.key);
  const posted = await own.create(8);
  const { createUploadTarget } = await client.ask<{
    createUploadTarget: { target: { url: string; method: string; headers: object[]; protocol: string } };
  }>(`mutation { createUploadTarget(input: { fileName: "a.bin", size: 8, protocol: TUS }) {
    target { url method protocol headers { name value } } } }`);
  const { url, ...target } = createUploadTarget.target;
  expect(target).toEqual({
    method: 'PATCH',
    protocol: 'TUS',
    headers: [{ name: 'Tus-Resumable', value: '1.0.0' }],
  });
  const anonymous = new TusClient(here, null);
  expect((await anonymous.patch(posted, 0, 'abcd')).status).toBe(401);
  expect((await tus.patch(posted, 0, 'abcd')).status).toBe(404);
  for (const [who, where] of [
    [own, posted],
    [anonymous, url],
  ] as const)
    expect((await who.patch(where, 0, 'abcd')).status).toBe(204);
  await tryRevokeKey(here.client, apiKey.id);
  expect((await own.patch(posted, 4, 'efgh')).status).toBe(401);
  const refused = await anonymous.patch(url, 4, 'efgh');
  expect([refused.status, refused.fault]).toEqual([403, 'FORBIDDEN signature_revoked']);
});

test('uploadTarget tells its maker of the progress, also before the length is known', async () => {
  const { headers } = await tus.post({ 'upload-defer-length': '1' }, 'abcd');
  const documentKey = headers.get('upload-document-key');
  const ask = async () =>
    (
      await here.client.ask<{ uploadTarget: object | null }>(
        'query ($key: String!) { uploadTarget(documentKey: $key) { state received size protocol } }',
        { key: documentKey },
      )
    ).uploadTarget;
  expect(await ask()).toEqual({ state: 'OPEN', received: 4, size: 4, protocol: 'TUS' });
  await tus.patch(headers.get('location') ?? '', 4, 'ef', { 'upload-length': '6' });
  expect(await ask()).toEqual({ state: 'FINISHED', received: 6, size: 6, protocol: 'TUS' });
});

test('bytes of another digest than was announced begin again', async () => {
  const content = Buffer.from('the right bytes');
  const { createUploadTarget } = await here.client.ask<{ createUploadTarget: { target: { url: string } } }>(
    `mutation ($hash: String!) { createUploadTarget(input: {
      fileName: "a.txt", size: 15, protocol: TUS, digest: { algorithm: SHA256, hash: $hash } }) { target { url } } }`,
    { hash: sha256(content) },
  );
  const { url } = createUploadTarget.target;
  const wrong = await tus.patch(url, 0, 'the wrong bytes');
  expect([wrong.status, wrong.fault, wrong.headers.get('upload-offset')]).toEqual([
    400,
    'DIGEST_MISMATCH digest_mismatch',
    '0',
  ]);
  await goOn(tus, url, content);
  expect(await digestOf(url)).toBe(sha256(content));
});

test('an upload whose bytes were lost begins again, and an end that was not reached is reached later', async () => {
  const content = randomBytes(2 * mebibyte);
  const url = await tus.create(content.length);
  await tus.patch(url, 0, content.subarray(0, mebibyte));
  const key = await keyOf(url);
  const lose = async () => {
    for (const file of await storedFiles(here.dataDirectory))
      if (file.includes(key.slice(-36))) await rm(join(here.dataDirectory, 'files', file));
  };
  await lose();
  expect(await tus.offset(url)).toBe(0);
  await tus.patch(url, 0, content.subarray(0, mebibyte));
  await lose();
  const { status, fault } = await tus.patch(url, mebibyte, content.subarray(mebibyte));
  expect([status, fault]).toEqual([503, 'STORAGE_UNAVAILABLE content_lost']);
  await goOn(tus, url, content);
  const database = await openTestDatabase(here.dataDirectory);
  // As a crash leaves it right after the bytes have become an object.
  await database.write((manager) =>
    manager.update(
      UploadTargetRow,
      { documentKey: key },
      {
        state: 'RECEIVING',
        expiresAt: new Date(Date.now() + 60_000),
        md5: null,
        sha256: null,
        utf8: null,
        place: '01234567-0123-7123-8123-0123456789ab',
      },
    ),
  );
  await database.close();
  expect(await tus.offset(url)).toBe(content.length);
  expect(await digestOf(url)).toBe(sha256(content));
});

const random = seededRandom();
const rounds = roundsOf(4);

/** Passes bytes on, and cuts each connection after a random number of them. */
async function startCuttingProxy(target: string): Promise<Server> {
  const { hostname, port } = new URL(target);
  const server = createServer((client: Socket) => {
    let left = random.integer(500, 900_000);
    const upstream = connect(Number(port), hostname);
    const cut = () => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    client.on('error', cut).on('close', cut);
    upstream.on('error', cut).on('close', cut);
    client.on('data', (chunk: Buffer) => {
      upstream.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) cut();
    });
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test(`${rounds} uploads through a proxy that cuts at random bytes are whole (SEED=${random.seed})`, async () => {
  const proxy = await startCuttingProxy(here.url);
  const address = proxy.address() as { port: number };
  const cut = new TusClient({ url: `http://127.0.0.1:${address.port}` }, here.key);
  let broken = 0;
  for (let round = 0; round < rounds; round += 1) {
    const content = randomBytes(random.integer(1, 2 * mebibyte));
    const url = await tus.create(content.length);
    for (let offset = 0; offset < content.length; ) {
      const sent = await cut.patch(url, offset, content.subarray(offset)).catch(() => null);
      if (!sent) broken += 1;
      const told = await tus.offset(url);
      expect(told).toBeGreaterThanOrEqual(sent?.status === 204 ? content.length : offset);
      offset = told;
    }
    expect(await digestOf(url)).toBe(sha256(content));
  }
  proxy.close();
  report(`${rounds} uploads, seed ${random.seed}: ${broken} requests were cut`);
});
