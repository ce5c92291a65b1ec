import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../../src/database/database.js';
import { UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import { overrideStorage } from '../../support/override-storage.js';
import { RawConnection, requestHead } from '../../support/raw-http.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

interface Target {
  documentKey: string;
  url: string;
  headers: { name: string; value: string }[];
}

let now = Date.now();
let here: TestService;
/** Another process, as far as it can tell, on the same rows and files. */
let there: TestService;
let database: Database;
beforeAll(async () => {
  const clock = () => new Date(now);
  here = await startService({ STALL_TIMEOUT_SECONDS: '30' }, { clock });
  const env = { DATA_DIR: here.dataDirectory, BOOTSTRAP_API_KEY: here.key };
  database = await openTestDatabase(here.dataDirectory);
  there = await startService({ ...env, STALL_TIMEOUT_SECONDS: '30' }, { clock });
});
beforeEach(() => {
  now = Date.now();
});
afterAll(async () => {
  await database.close();
  await there.close();
  await here.close();
});

const newTarget = async (size: number, input: object = {}): Promise<Target> =>
  (
    await here.client.ask<{ createUploadTarget: { target: Target } }>(
      `mutation ($input: CreateUploadTargetInput!) {
        createUploadTarget(input: $input) { target { documentKey url headers { name value } } } }`,
      { input: { fileName: 'a.txt', contentType: 'text/plain', size, ...input } },
    )
  ).createUploadTarget.target;

/** A connection that has sent the head of a PUT and so many bytes of the body. */
async function begin(target: Target, body: Buffer, bytes: number, { url } = here): Promise<RawConnection> {
  const connection = await RawConnection.open(url);
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': body.length };
  const head = requestHead(new URL(target.url).pathname, headers).replace('POST', 'PUT');
  await connection.send(Buffer.concat([Buffer.from(head), body.subarray(0, bytes)]));
  // Once the service has it in hand.
  const { documentKey } = target;
  while (!(await database.read.existsBy(UploadTargetRow, { documentKey, state: 'RECEIVING' })))
    await sleep(5);
  return connection;
}

const put = (target: Target, body: Buffer, headers: Record<string, string> = {}, { url } = here) =>
  fetch(new URL(new URL(target.url).pathname, url), {
    method: 'PUT',
    headers: { 'content-type': 'text/plain', ...headers },
    body: new Uint8Array(body),
  });

/** Puts again while it is told to: the bytes of another request may have been on their way to a busy service. */
async function insist(target: Target, body: Buffer, service = here): Promise<Response> {
  const answer = await put(target, body, {}, service);
  return answer.status === 409 && answer.headers.has('retry-after') ? insist(target, body, service) : answer;
}

/** The status, and the code and type of a refusal. */
async function outcomeOf(response: { status: number; text: string }): Promise<string> {
  const { errors } = JSON.parse(response.text) as {
    errors?: { extensions: { code: string; details: { type: string }[] } }[];
  };
  const { code, details } = errors?.[0]?.extensions ?? {};
  return code === undefined ? `${response.status}` : `${response.status} ${code} ${details?.[0]?.type}`;
}
const outcome = async (response: Response) =>
  outcomeOf({ status: response.status, text: await response.text() });

const text = (size: number) => Buffer.alloc(size, 'some text ');

const create = async (documentKey: string) =>
  here.client.graphql<{ createAttachment: { attachment: { sha256: { hash: string } } } | null }>(
    'mutation ($key: String!) { createAttachment(input: { content: { documentKey: $key } }) { attachment { sha256: digest { hash } } } }',
    { key: documentKey },
  );

test('a PUT answers with what is stored; the same bytes again are answered alike, and other bytes refused', async () => {
  const body = text(300_000);
  const target = await newTarget(body.length);
  expect(target.headers).toEqual([{ name: 'Content-Type', value: 'text/plain' }]);
  const first = await put(target, body);
  const stored = {
    documentKey: target.documentKey,
    size: body.length,
    contentType: 'text/plain',
    md5: createHash('md5').update(body).digest('hex'),
    sha256: sha256(body),
  };
  expect([first.status, await first.json()]).toEqual([201, stored]);
  expect(first.headers.get('etag')).toBe(`"${stored.sha256}"`);
  for (const service of [here, there]) {
    const again = await put(target, body, {}, service);
    expect([again.status, await again.json(), again.headers.get('etag')]).toEqual([
      200,
      stored,
      `"${stored.sha256}"`,
    ]);
  }
  expect(await outcome(await put(target, Buffer.alloc(body.length, 'y')))).toBe(
    '400 DIGEST_MISMATCH digest_mismatch',
  );
  const { data } = await create(target.documentKey);
  expect(data?.createAttachment?.attachment.sha256.hash).toBe(stored.sha256);
  expect((await put(target, body)).status).toBe(200);
  now += 15 * 60_000;
  expect(await outcome(await put(target, body))).toMatch(/^404 NOT_FOUND/);
});

test('a second PUT takes over from one that is half sent and silent, which ends; a third is the same again', async () => {
  const body = text(400_000);
  const target = await newTarget(body.length);
  const stalled = await begin(target, body, 200_000);
  const second = await insist(target, body);
  expect(second.status).toBe(201);
  await stalled.closed(5_000);
  expect((await put(target, body)).status).toBe(200);
  const { data } = await create(target.documentKey);
  expect(data?.createAttachment?.attachment.sha256.hash).toBe(sha256(body));
});

test('a second PUT takes over from one that has sent nothing but its head, and the first is told', async () => {
  const body = text(50_000);
  const target = await newTarget(body.length);
  const stalled = await begin(target, body, 0);
  const [second, first] = await Promise.all([insist(target, body), stalled.response(10_000)]);
  expect(second.status).toBe(201);
  expect(await outcomeOf({ status: first.status, text: first.body })).toBe('408 BAD_USER_INPUT taken_over');
});

test('while the bytes of one arrive, others are told to try again', async () => {
  const body = text(200_000);
  const target = await newTarget(body.length);
  const first = await begin(target, body, 1_000);
  const sending = first.sendSlowly(body.subarray(1_000, 61_000), { bytes: 1_000, everyMs: 40 });
  const second = await put(target, body);
  expect(second.headers.get('retry-after')).toBe('1');
  expect(await outcome(second)).toBe('409 UPLOAD_NOT_FINISHED upload_under_way');
  await sending;
  await first.send(body.subarray(61_000));
  expect((await first.response()).status).toBe(201);
  first.destroy();
  expect((await put(target, body)).status).toBe(200);
});

describe('in another process', () => {
  test('a PUT takes over from one that is silent, which ends', async () => {
    const body = text(300_000);
    const target = await newTarget(body.length);
    const stalled = await begin(target, body, 100_000);
    expect((await insist(target, body, there)).status).toBe(201);
    await stalled.closed(10_000);
    expect((await put(target, body)).status).toBe(200);
  });

  test('a PUT is told to try again while the bytes of another arrive', async () => {
    const body = text(200_000);
    const target = await newTarget(body.length);
    const first = await begin(target, body, 1_000);
    const sending = first.sendSlowly(body.subarray(1_000, 121_000), { bytes: 1_000, everyMs: 60 });
    const second = await put(target, body, {}, there);
    expect(await outcome(second)).toBe('409 UPLOAD_NOT_FINISHED upload_under_way');
    await sending;
    await first.send(body.subarray(121_000));
    expect((await first.response()).status).toBe(201);
    first.destroy();
  });

  test('a PUT takes over from one whose process has died, and from bytes that it could not finish', async () => {
    const body = text(100_000);
    const target = await newTarget(body.length);
    const connection = await begin(target, body, 50_000);
    connection.destroy();
    expect((await insist(target, body, there)).status).toBe(201);
  });
});

describe('headers', () => {
  const body = text(20_000);
  const md5 = createHash('md5').update(body).digest('base64');

  test.each<[string, Record<string, string>, string]>([
    [
      'another digest',
      { 'content-md5': createHash('md5').digest('base64') },
      '400 DIGEST_MISMATCH digest_mismatch',
    ],
    ['no digest at all', { 'content-md5': 'x' }, '400 BAD_USER_INPUT invalid_digest'],
    ['a range', { 'content-range': 'bytes 0-19999/20000' }, '400 BAD_USER_INPUT content_range'],
    ['an encoding', { 'content-encoding': 'gzip' }, '415 BAD_USER_INPUT content_encoding'],
    ['another type', { 'content-type': 'image/png' }, '415 CONTENT_TYPE_MISMATCH content_type_mismatch'],
  ])('%s is refused, stores nothing, and leaves the target open', async (_what, headers, expected) => {
    const target = await newTarget(body.length);
    expect(await outcome(await put(target, body, headers))).toBe(expected);
    expect(await storedFiles(here.dataDirectory)).not.toContain(target.documentKey);
    const good = {
      'content-md5': md5,
      'content-encoding': 'identity',
      'content-type': 'TEXT/plain; charset=utf-8',
    };
    expect((await put(target, body, good)).status).toBe(201);
  });

  test('the digest that a target was announced with must be that of the bytes', async () => {
    const digest = { algorithm: 'SHA256', hash: sha256(body).toUpperCase() };
    const target = await newTarget(body.length, { digest });
    expect(await outcome(await put(target, Buffer.alloc(body.length, 'z')))).toBe(
      '400 DIGEST_MISMATCH digest_mismatch',
    );
    expect((await put(target, body)).status).toBe(201);
  });

  test('a token has one spelling', async () => {
    const { url } = await newTarget(body.length);
    for (const end of ['=', '%00', '.'])
      expect((await fetch(url + end, { method: 'PUT', body: new Uint8Array(body) })).status).toBe(404);
  });

  test('bytes that cannot be looked into once they are stored are taken all the same', async () => {
    const directory = await makeTemporaryDirectory();
    const storage = overrideStorage(createLocalStorage(directory), { read: async () => null });
    await using service = await startService({}, { storage });
    const zip = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100_000, 7)]);
    const input = { fileName: 'a.zip', contentType: 'application/zip', size: zip.length };
    const { createUploadTarget } = await service.client.ask<{ createUploadTarget: { target: Target } }>(
      `mutation ($input: CreateUploadTargetInput!) {
        createUploadTarget(input: $input) { target { documentKey url headers { name value } } } }`,
      { input },
    );
    const response = await fetch(createUploadTarget.target.url, {
      method: 'PUT',
      headers: { 'content-type': 'application/zip' },
      body: new Uint8Array(zip),
    });
    expect([response.status, await response.json()]).toMatchObject([201, { contentType: 'application/zip' }]);
    await rm(directory, { recursive: true });
  });

  test('the answer to a PUT has the type that an attachment gets, by its standard name', async () => {
    const input = { fileName: 'a.png', contentType: 'image/x-png' };
    const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(100)]);
    const response = await put(await newTarget(png.length, input), png, { 'content-type': 'image/x-png' });
    expect(await response.json()).toMatchObject({ contentType: 'image/png' });
    const jpeg = { fileName: 'a.jpg', contentType: 'image/jpeg' };
    const other = await put(await newTarget(png.length, jpeg), png, { 'content-type': 'image/jpeg' });
    expect(await other.json()).toMatchObject({ contentType: 'image/png' });
  });

  test('a target without a type takes any, and finds its own in the bytes', async () => {
    for (const contentType of [null, '']) {
      const target = await newTarget(body.length, { contentType });
      expect(target.headers).toEqual([]);
      const response = await put(target, body, { 'content-type': 'image/png' });
      expect([response.status, await response.json()]).toEqual([
        201,
        expect.objectContaining({ contentType: 'text/plain' }),
      ]);
      const { errors } = await create(target.documentKey);
      expect(errors).toBeUndefined();
    }
  });
});

const random = seededRandom();
const rounds = roundsOf(8);

test(`${rounds} races of takeover, finish, creation and deletion leave each target with one content (SEED=${random.seed})`, async () => {
  const counts: Record<string, number> = {};
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  for (let round = 0; round < rounds; round += 1) {
    const bodies = [1, 2, 3].map(() => randomBytes(60_000));
    const target = await newTarget(60_000, { fileName: 'a.bin', contentType: null });
    const [first = Buffer.of(), second = Buffer.of(), third = Buffer.of()] = bodies;
    const sent = random.integer(0, 59_999);
    const stalled = await begin(target, first, sent);
    // The first goes on about when the second would take over.
    const resumed = sleep(random.integer(700, 1_300)).then(() => stalled.send(first.subarray(sent)));
    const puts = Promise.all([
      put(target, second, { 'content-type': 'application/octet-stream' }, random.next() < 0.5 ? here : there),
      put(target, third, { 'content-type': 'application/octet-stream' }, random.next() < 0.5 ? here : there),
    ]);
    const created = sleep(random.integer(900, 1_500)).then(() => create(target.documentKey));
    const answers = await puts;
    await resumed;
    const { data } = await created;
    stalled.destroy();
    for (const answer of answers) count(await outcome(answer));
    const winner = answers.findIndex(({ status }) => status === 201);
    const known = data?.createAttachment?.attachment.sha256.hash;
    count(known === undefined ? 'created too early' : 'created');
    expect(answers.filter(({ status }) => status === 201).length).toBeLessThanOrEqual(1);
    const after = (await create(target.documentKey)).data?.createAttachment?.attachment.sha256.hash;
    // Once an attachment has been made of the bytes, they never change.
    if (known !== undefined) expect(after).toBe(known);
    if (winner >= 0) expect(after).toBe(sha256(bodies[winner + 1] ?? Buffer.of()));
  }
  report(`${rounds} races, seed ${random.seed}: ${JSON.stringify(counts)}`);
});
