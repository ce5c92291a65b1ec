import { setTimeout as sleep } from 'node:timers/promises';
import { formBody, formHeaders, graphqlForm, requestHead } from '../../support/raw-http.js';
import {
  attachmentsOf,
  bigContent,
  createField,
  mapOf,
  mapOne,
  mebibyte,
  operationsOf,
  type Refusal,
  UploadSession,
  uploadOne,
} from './upload-session.js';

const stallTimeoutMs = 1_000;

let session: UploadSession;

beforeAll(async () => {
  session = await UploadSession.start({ STALL_TIMEOUT_SECONDS: String(stallTimeoutMs / 1_000) });
});
beforeEach(() => session.reconnect());
afterAll(() => session.end('sizes'));

test.each([
  0,
  1,
  4_095,
  4_096,
  65_535,
  65_536,
  mebibyte - 1,
  mebibyte,
  mebibyte + 1,
  3.5 * mebibyte,
  5 * mebibyte - 1,
  5 * mebibyte,
])('a file of %i bytes comes back as it was', async (size) => {
  const content = Buffer.alloc(size, 'content ');
  const attachment = await session.upload({ content });
  expect(attachment?.size).toBe(size);
  await session.expectContent(attachment?.url ?? '', content);
});

test('an empty file keeps its place between large ones', async () => {
  const names = ['a', 'b', 'c'];
  const contents = [bigContent, Buffer.alloc(0), bigContent.subarray(1)];
  const operations = operationsOf(names, ...names.map((name) => createField(name, name)));
  const files = contents.map((content) => ({ content }));
  const response = await session.post(session.form(graphqlForm(operations, mapOf(names), files)));
  for (const [index, { url }] of attachmentsOf(response).entries())
    await session.expectContent(url, contents[index] ?? Buffer.alloc(0));
});

test.each([5, 100 * mebibyte])('a part that says it has %i bytes has as many as it has', async (length) => {
  const headers = `Content-Disposition: form-data; name="0"; filename="a.txt"\r\nContent-Length: ${length}`;
  const attachment = await session.upload({ headers, content: bigContent });
  expect(attachment?.size).toBe(bigContent.length);
  await session.expectContent(attachment?.url ?? '', bigContent);
});

describe('a Content-Length', () => {
  const body = formBody(graphqlForm(uploadOne, mapOne, [{ content: bigContent }]));
  const requestOf = (length: number) =>
    Buffer.concat([
      Buffer.from(requestHead('/graphql', { ...session.headers, ...formHeaders(length) })),
      body,
    ]);
  const invalid = (...faults: string[]): Refusal => ({ status: 400, code: 'INVALID_MULTIPART', faults });

  test.each([1, 1_000, 100 * mebibyte])('with %i bytes too many is waited for in vain', async (excess) => {
    await session.expectRefusal(
      { ...invalid(': timeout'), status: 408 },
      {
        opening: async (connection) => {
          await connection.send(requestOf(body.length + excess));
          await sleep(stallTimeoutMs);
        },
        endedBy: 'service',
      },
    );
  });

  /** The bytes past it are no HTTP request, and whichever fault is met first is told. */
  test.each([4, 8, 1_000, 2 * mebibyte])('with %i bytes too few cuts the form off', async (missing) => {
    await session.expectRefusal(
      {
        status: 400,
        code: expect.stringMatching(/^(INVALID_MULTIPART|BAD_USER_INPUT)$/),
        faults: [expect.stringMatching(/^(: body_truncated|request: http_invalid)$/)],
      },
      { opening: requestOf(body.length - missing), endedBy: 'service' },
    );
  });

  test('that leaves out only the line end behind the form cuts off nothing', async () => {
    const [attachment] = attachmentsOf(await session.post(requestOf(body.length - 2)));
    await session.expectContent(attachment?.url ?? '', bigContent);
    expect(await session.count()).toBeGreaterThan(0);
  });

  test('with 0, or none at all, is a form without parts', async () => {
    const { 'Content-Length': _, ...type } = formHeaders(0);
    for (const length of [{ 'Content-Length': 0 }, {}]) {
      const head = requestHead('/graphql', { ...session.headers, ...type, ...length });
      await session.expectRefusal(invalid(': body_truncated'), Buffer.from(head));
    }
  });

  test('with 6 GiB is refused before a byte of it is sent', async () => {
    const length = 6 * 1024 * mebibyte;
    const limit = 20 * 256 * mebibyte + 4 * mebibyte;
    await session.expectRefusal(
      { status: 413, code: 'REQUEST_TOO_LARGE', faults: [': too_large'], limit },
      {
        opening: (connection) =>
          connection.send(requestHead('/graphql', { ...session.headers, ...formHeaders(length) })),
        endedBy: 'client',
      },
    );
  });
});
