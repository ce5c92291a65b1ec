import { setTimeout as sleep } from 'node:timers/promises';
import { maxJsonBody } from '../../../src/graphql/read-json.js';
import { type AnswerError, Client } from '../../support/client.js';
import { until } from '../../support/jobs-contract.js';
import { newClient } from '../../support/keys.js';
import { chunked, RawConnection, type RawResponse, requestHead } from '../../support/raw-http.js';
import { startService, type TestService } from '../../support/service.js';
import { sha256 } from '../../support/sha256.js';
import { storedFiles } from '../../support/stored-files.js';

const mebibyte = 1024 * 1024;
const maxInlineSize = 3 * mebibyte;
const maxBody = maxJsonBody(maxInlineSize);

const mutation = `mutation ($base64: String!) {
  createAttachment(input: { content: { base64: $base64 }, fileName: "a.bin" }) {
    attachment { size sha256: digest { hash } } } }`;

const bodyOf = (content: Buffer) =>
  Buffer.from(JSON.stringify({ query: mutation, variables: { base64: content.toString('base64') } }));

let service: TestService;
let reader: Client;
let connection: RawConnection;
const unhandled: unknown[] = [];
const noteUnhandled = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', noteUnhandled).on('uncaughtException', noteUnhandled);
  service = await startService({
    MAX_INLINE_SIZE: String(maxInlineSize),
    OPERATIONS_TIMEOUT_SECONDS: '1',
    STALL_TIMEOUT_SECONDS: '1',
  });
  reader = await newClient(service, { permissions: ['attachments:read'] });
});

afterAll(async () => {
  await service.close();
  process.off('unhandledRejection', noteUnhandled).off('uncaughtException', noteUnhandled);
  expect(unhandled).toEqual([]);
});

beforeEach(async () => {
  connection = await RawConnection.open(service.url);
});
afterEach(() => connection.destroy());

const json = { 'Content-Type': 'application/json' };
const headOf = (headers: Record<string, string | number>, client: Client = service.client) =>
  requestHead('/graphql', { ...client.headers, ...json, ...headers });

function answerOf({ status, body }: RawResponse) {
  const { data, errors = [] } = JSON.parse(body) as {
    data?: { createAttachment: { attachment: { size: number; sha256: { hash: string } } } };
    errors?: AnswerError[];
  };
  const [error] = errors;
  return { status, made: data?.createAttachment?.attachment, error, ...error?.extensions };
}

async function expectCreated(content: Buffer): Promise<void> {
  const { status, made } = answerOf(await connection.response());
  expect([status, made]).toEqual([200, { size: content.length, sha256: { hash: sha256(content) } }]);
}

describe('MAX_INLINE_SIZE', () => {
  const largest = Buffer.alloc(maxInlineSize, 'abc');

  test('lets so many decoded bytes in, with a length, in chunks, and one after the other', async () => {
    const body = bodyOf(largest);
    for (let round = 0; round < 2; round += 1) {
      await connection.send(Buffer.concat([Buffer.from(headOf({ 'Content-Length': body.length })), body]));
      await expectCreated(largest);
      await connection.send(headOf({ 'Transfer-Encoding': 'chunked' }));
      await connection.send(chunked(body, 100_000));
      await expectCreated(largest);
    }
  });

  test.each([1, 3, 300_000])('refuses %i more, undecoded, and says what else would do', async (more) => {
    const files = await storedFiles(service.dataDirectory);
    const body = bodyOf(Buffer.alloc(maxInlineSize + more, 'abc'));
    await connection.send(Buffer.concat([Buffer.from(headOf({ 'Content-Length': body.length })), body]));
    const { code, limit, details, error } = answerOf(await connection.response());
    expect([code, limit, details?.[0]?.loc, details?.[0]?.type]).toEqual([
      'FILE_TOO_LARGE',
      maxInlineSize,
      ['input', 'content'],
      'file_too_large',
    ]);
    expect(error?.message).toMatch(/file part .* createUploadTarget/);
    expect(await storedFiles(service.dataDirectory)).toEqual(files);
  });

  test('bounds the body: by its length unread, in chunks while it arrives', async () => {
    const tooLarge = { status: 413, code: 'REQUEST_TOO_LARGE', limit: maxBody };
    await connection.send(headOf({ 'Content-Length': maxBody + 1 }));
    expect(answerOf(await connection.response())).toMatchObject(tooLarge);
    const open = await RawConnection.open(service.url);
    await open.send(headOf({ 'Transfer-Encoding': 'chunked' }));
    void open.send(chunked(Buffer.alloc(maxBody + 1, ' '), 64 * 1024).subarray(0, -5));
    expect(answerOf(await open.response())).toMatchObject(tooLarge);
    open.destroy();
  });
});

describe('a body above 1 MiB', () => {
  const body = bodyOf(Buffer.alloc(mebibyte, 'abc'));

  test('needs the permission to write, before it is read', async () => {
    await connection.send(headOf({ 'Content-Length': body.length }, reader));
    expect(answerOf(await connection.response())).toMatchObject({ status: 403, code: 'FORBIDDEN' });
  });

  test.each<[string, () => Client]>([
    ['without a credential', () => new Client(service.url, null)],
    ['without the permission', () => reader],
  ])('in chunks is stopped at 1 MiB %s', async (_, client) => {
    await connection.send(headOf({ 'Transfer-Encoding': 'chunked' }, client()));
    void connection.send(chunked(body, 64 * 1024).subarray(0, mebibyte + 100_000));
    expect(answerOf(await connection.response())).toMatchObject({
      status: 413,
      code: 'REQUEST_TOO_LARGE',
      limit: mebibyte,
    });
  });

  test('without a credential is refused by its length', async () => {
    await connection.send(headOf({ 'Content-Length': body.length }, new Client(service.url, null)));
    expect(answerOf(await connection.response())).toMatchObject({
      status: 413,
      code: 'REQUEST_TOO_LARGE',
      limit: mebibyte,
    });
  });

  test('takes memory of its organization, which comes to an end and comes back', async () => {
    // Those that hold the memory send nothing for as long as the test takes.
    const patient = await startService({
      MAX_INLINE_SIZE: String(maxInlineSize),
      STALL_TIMEOUT_SECONDS: '120',
    });
    const large = bodyOf(Buffer.alloc(maxInlineSize, 'abc'));
    const fits = Math.floor((4 * maxBody) / large.length);
    const held: RawConnection[] = [];
    while (held.length <= fits) {
      const holding = await RawConnection.open(patient.url);
      held.push(holding);
      await holding.send(headOf({ 'Content-Length': large.length }, patient.client));
      await holding.send(large.subarray(0, 2 * mebibyte));
    }
    const refusal = { status: 429, code: 'RATE_LIMITED', details: [{ type: 'too_many_bodies' }] };
    // Whichever comes last: the others wait for the rest of theirs.
    expect(answerOf(await Promise.any(held.map((each) => each.response())))).toMatchObject(refusal);
    const send = async () => {
      const next = await RawConnection.open(patient.url);
      await next.send(headOf({ 'Content-Length': large.length }, patient.client));
      void next.send(large);
      const answer = answerOf(await next.response());
      next.destroy();
      return answer;
    };
    let answer = await send();
    expect(answer).toMatchObject(refusal);
    await patient.client.upload({ content: 'small', name: 'a.txt' });
    for (const holding of held) holding.abort();
    for (answer = await send(); answer.status === 429; answer = await send()) await sleep(50);
    expect(answer.made?.size).toBe(maxInlineSize);
    await patient.close();
  });
});

describe('a client', () => {
  const content = Buffer.alloc(2 * mebibyte, 'abc');
  const body = bodyOf(content);

  test.each([
    ['before the body', 0],
    ['in its first bytes', 100_000],
    ['half way', body.length >> 1],
    ['at the last byte', body.length - 1],
  ])('that stalls %s is told, and disconnected', async (_, sent) => {
    await connection.send(headOf({ 'Content-Length': body.length }));
    await connection.send(body.subarray(0, sent));
    const answer = answerOf(await connection.response());
    expect(answer).toMatchObject({ status: 408, details: [{ type: 'timeout' }] });
    await connection.closed(5_000);
  });

  test('that trickles half way is told, too', async () => {
    await connection.send(headOf({ 'Content-Length': body.length }));
    await connection.send(body.subarray(0, mebibyte));
    void connection.sendSlowly(body.subarray(mebibyte, mebibyte + 1_000), { bytes: 10, everyMs: 50 });
    const answer = answerOf(await connection.response());
    expect(answer).toMatchObject({ status: 408, details: [{ type: 'timeout' }] });
  });

  test('that keeps up the pace may take longer than an operation', async () => {
    await connection.send(headOf({ 'Content-Length': body.length }));
    await connection.sendSlowly(body, { bytes: 128 * 1024, everyMs: 80 });
    await expectCreated(content);
  });

  test.each([0, 1, 100_000, body.length >> 1, body.length - 1])(
    'that goes away after %i bytes leaves nothing behind',
    async (sent) => {
      const files = await storedFiles(service.dataDirectory);
      for (const leave of ['abort', 'destroy'] as const) {
        const leaving = await RawConnection.open(service.url);
        await leaving.send(headOf({ 'Content-Length': body.length }));
        await leaving.send(body.subarray(0, sent));
        leaving[leave]();
      }
      await connection.send(Buffer.concat([Buffer.from(headOf({ 'Content-Length': body.length })), body]));
      await expectCreated(content);
      await until(async () => (await storedFiles(service.dataDirectory)).length === files.length + 1);
    },
  );

  test('may send another body after one that is refused', async () => {
    const broken = Buffer.from(body);
    broken.write('!', 400_000);
    for (const bytes of [broken, body, broken, broken, body]) {
      await connection.send(Buffer.concat([Buffer.from(headOf({ 'Content-Length': bytes.length })), bytes]));
      if (bytes === body) await expectCreated(content);
      else expect(answerOf(await connection.response()).code).toBe('INVALID_BASE64');
    }
  });
});
