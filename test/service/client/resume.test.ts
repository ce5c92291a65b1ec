import { randomBytes } from 'node:crypto';
import { rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClaimcheck } from '../../../src/client/node.js';
import { oneRequestBytes } from '../../../src/client/upload.js';
import { freePort } from '../../support/free-port.js';
import { answer, type Front, startFront, type Treatment } from '../../support/front.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const content = randomBytes(oneRequestBytes + 4_000_000);
const cut: Treatment = { cutAfter: 5_000_000 };

let folder: string;
let front: Front;
let service: TestService;
let treatPatch: (index: number) => Treatment;
let store: Map<string, string>;
let path: string;
let files = 0;

beforeAll(async () => {
  const port = await freePort();
  folder = await makeTemporaryDirectory();
  front = await startFront(`http://127.0.0.1:${port}`, (_path, index, method) =>
    method === 'PATCH' ? treatPatch(index) : 'pass',
  );
  // The URLs of uploads lead through the front too.
  service = await startService({ PORT: String(port), PUBLIC_URL: front.url });
});
afterAll(async () => {
  await service.close();
  await front[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  treatPatch = () => 'pass';
  store = new Map();
  for (const list of [front.requests, front.headers, front.bytes]) list.length = 0;
  files += 1;
  path = join(folder, `large-${files}.bin`);
  await writeFile(path, content);
});

const connect = (retries = 5, credential = service.key) => {
  const kept = {
    get: (key: string) => store.get(key) ?? null,
    set: (key: string, value: string) => void store.set(key, value),
    remove: (key: string) => void store.delete(key),
  };
  return createClaimcheck({ url: front.url, credential, store: kept, retries });
};
/** An upload that ends at its first break. */
const breakOff = async () => {
  treatPatch = () => cut;
  await expect(connect(0).upload(path)).rejects.toMatchObject({ name: 'ClaimcheckError' });
  treatPatch = () => 'pass';
};
const isMade = { size: content.length, sha256: sha256(content) };
const patches = () => front.requests.flatMap((line, at) => (line.startsWith('PATCH') ? at : []));
const offsets = () => patches().map((at) => Number(front.headers[at]?.['upload-offset']));
const made = async () => {
  const query = 'query ($name: String) { attachments(filter: { fileNameContains: $name }) { totalCount } }';
  const name = path.split('/').at(-1);
  return (await service.client.ask<{ attachments: { totalCount: number } }>(query, { name })).attachments
    .totalCount;
};

test('goes on from what is durable when its connection breaks, time and again', async () => {
  treatPatch = () => (Math.max(...offsets()) > 0 ? 'pass' : cut);
  const told: number[] = [];
  const attachment = await connect().upload(path, { onProgress: ({ sent }) => told.push(sent) });
  expect(attachment).toMatchObject(isMade);
  expect(offsets().length).toBeGreaterThan(1);
  expect(offsets().at(-1)).toBeGreaterThan(0);
  expect(told.at(-1)).toBe(content.length);
  expect(store.size).toBe(0);
});

test('a service that asks for an hour is not waited for', async () => {
  treatPatch = () => answer(503, { 'retry-after': '3600' });
  await expect(connect().upload(path)).rejects.toMatchObject({ status: 503, retryAfterSeconds: 3600 });
  expect(patches()).toHaveLength(1);
});

test('goes on in another run, and makes one attachment', async () => {
  const stop = new AbortController();
  const reason = new Error('closed');
  const onProgress = ({ sent }: { sent: number }) => {
    if (sent > 2_000_000) stop.abort(reason);
  };
  await expect(connect().upload(path, { signal: stop.signal, onProgress })).rejects.toBe(reason);
  await breakOff();
  expect(store.size).toBe(1);
  expect(await connect().upload(path)).toMatchObject(isMade);
  expect(offsets().at(-1)).toBeGreaterThan(0);
  expect(front.bytes[patches().at(-1) ?? -1]).toBeLessThan(content.length);
  expect([await made(), store.size]).toEqual([1, 0]);
});

test('knows by itself that all has arrived, if only the answer was lost', async () => {
  treatPatch = (index) => (index === 0 ? 'lose answer' : 'pass');
  expect(await connect().upload(path)).toMatchObject(isMade);
  expect(offsets()).toEqual([0]);
  expect(await made()).toBe(1);
});

test('an attachment that was made, but not heard of, is found again', async () => {
  await breakOff();
  const [[key = '', value = ''] = []] = store;
  const { id } = await connect().upload(path);
  store.set(key, value);
  expect((await connect().upload(path)).id).toBe(id);
  expect(await made()).toBe(1);
});

test.each([
  ['what is no upload', 'nonsense'],
  ['an upload that is gone', JSON.stringify({ documentKey: 'x', idempotencyKey: 'x', url: 'URL' })],
])('begins again if the store has %s', async (_name, value) => {
  await breakOff();
  const [[key = ''] = []] = store;
  store.set(key, value.replace('URL', `${front.url}/uploads/gone`));
  expect(await connect().upload(path)).toMatchObject(isMade);
  expect(offsets().at(-1)).toBe(0);
});

const record = (id: string) => ({ record: { type: 'WorkPackage', id }, field: 'files' });

test('an upload of somebody else begins anew', async () => {
  const mutation = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }';
  const input = { name: 'other', permissions: ['attachments:read', 'attachments:write'] };
  const { createApiKey } = await service.client.ask<{ createApiKey: { secret: string } }>(mutation, {
    input,
  });
  await breakOff();
  expect(await connect(5, createApiKey.secret).upload(path)).toMatchObject(isMade);
  expect(store.size).toBe(0);
});

test('other bytes of the same name, size and age begin anew', async () => {
  await utimes(path, 1_000, 1_000);
  await breakOff();
  await writeFile(path, Buffer.from(content).reverse());
  await utimes(path, 1_000, 1_000);
  const isReversed = { size: content.length, sha256: sha256(Buffer.from(content).reverse()) };
  expect(await connect().upload(path)).toMatchObject(isReversed);
  expect(store.size).toBe(0);
});

test('a file whose attachment was made, but not heard of, goes to another record', async () => {
  await breakOff();
  const [[key = '', value = ''] = []] = store;
  await connect().upload(path, record('1'));
  store.set(key, value);
  expect(await connect().upload(path, record('2'))).toMatchObject({ ...isMade, record: { id: '2' } });
  store.set(key, value);
  const given = { ...record('3'), idempotencyKey: 'given' };
  await connect().upload(path, given);
  store.set(key, value);
  const other = connect().upload(path, { ...given, description: 'other' });
  await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
});

test('a file that is shorter than it was, or gone, says so at once', async () => {
  let cause = () => truncate(path, 1_000_000);
  const onProgress = ({ sent }: { sent: number }) => void (sent > 0 && cause());
  await expect(connect().upload(path, { onProgress })).rejects.toThrow('it is shorter than it was');
  await writeFile(path, content);
  treatPatch = () => cut;
  cause = () => rm(path, { force: true });
  await expect(connect().upload(path, { onProgress })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('two at a time of one file do not get in their way', async () => {
  const claimcheck = connect();
  const both = await Promise.all([claimcheck.upload(path), claimcheck.upload(path)]);
  expect(both).toMatchObject([isMade, isMade]);
  expect([await made(), store.size]).toEqual([2, 0]);
});

test('goes where its URL is redirected to', async () => {
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const move: Treatment = (response) =>
    response.writeHead(308, { location: `${url}${response.req.url}` }).end();
  await using moved = await startFront(url, () => move);
  await using elsewhere = await startService({ PORT: port, PUBLIC_URL: moved.url });
  const claimcheck = createClaimcheck({ url, credential: elsewhere.key, retries: 0 });
  expect(await claimcheck.upload(path)).toMatchObject(isMade);
  expect(moved.requests).toEqual(['HEAD /uploads/…']);
});
