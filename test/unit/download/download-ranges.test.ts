import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  createFile,
  type DownloadServer,
  errorOf,
  memoryReader,
  startDownloadServer,
} from './download-server.js';

const large = createFile(randomBytes(5 * 1024 * 1024 + 17));
const small = createFile(Buffer.from('0123456789'), {
  fileName: 'small.json',
  contentType: 'application/json',
});
const empty = createFile(Buffer.alloc(0), { fileName: 'empty.json', contentType: 'application/json' });
const replacement = createFile(small.bytes, { isReplacement: true });
const { size } = large;
const files = [large, small, empty, replacement];
const storage = memoryReader(files);
const later = new Date(large.createdAt.getTime() + 1000).toUTCString();
const lastModified = 'Thu, 20 Nov 2025 10:00:00 GMT';

const refusals: Readonly<Record<number, object>> = {
  412: { code: 'BAD_USER_INPUT', types: ['precondition_failed'] },
  416: { code: 'BAD_USER_INPUT', types: ['range_not_satisfiable'] },
};

let server: DownloadServer;
beforeAll(async () => {
  server = await startDownloadServer(files, { storage });
});
afterAll(() => server.close());

function get(file: typeof large, headers: Record<string, string> = {}, method = 'GET') {
  return server.get(server.urls.url(file), { authorization: 'Basic good', ...headers }, method);
}

describe('a whole file', () => {
  it.each([
    ['large', large],
    ['small', small],
    ['empty', empty],
  ])('arrives byte for byte: %s', async (_what, file) => {
    const answer = await get(file);
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(answer.body.equals(file.bytes)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': file.contentType,
      'content-length': String(file.size),
      'accept-ranges': 'bytes',
      etag: `"${file.sha256}"`,
      'last-modified': lastModified,
    });
    expect(answer.headers).not.toHaveProperty('content-range');
    expect(answer.headers).not.toHaveProperty('transfer-encoding');
  });

  it.each([
    ['large', large],
    ['small', small],
    ['empty', empty],
  ])('is described by HEAD without being opened: %s', async (_what, file) => {
    const { headers: full } = await get(file);
    const { reads } = storage;
    const answer = await get(file, { range: 'bytes=1-2' }, 'HEAD');
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(answer.body).toHaveLength(0);
    expect({ ...answer.headers, date: '' }).toEqual({ ...full, date: '' });
    expect(storage.reads).toBe(reads);
  });
});

describe('one range', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    [`bytes=${size - 1}-${size - 1}`, size - 1, size - 1],
    ['bytes=-1', size - 1, size - 1],
    ['bytes=-100', size - 100, size - 1],
    [`bytes=-${size + 1}`, 0, size - 1],
    ['bytes=0-', 0, size - 1],
    [`bytes=${size - 7}-`, size - 7, size - 1],
    [`bytes=${size - 7}-${size + 100}`, size - 7, size - 1],
    ['bytes=1048575-1048576', 1_048_575, 1_048_576],
    ['bytes=1048576-3145727', 1_048_576, 3_145_727],
  ])('%s is answered with 206', async (range, start, end) => {
    const answer = await get(large, { range });
    expect(answer).toMatchObject({ status: 206, complete: true });
    expect(answer.headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/${size}`,
      'content-length': String(end - start + 1),
      etag: `"${large.sha256}"`,
      'last-modified': lastModified,
    });
    expect(answer.body.equals(large.bytes.subarray(start, end + 1))).toBe(true);
  });

  it('is cut right wherever it lies', async () => {
    const offset = fc.nat(size - 1);
    await fc.assert(
      fc.asyncProperty(offset, offset, async (one, other) => {
        const [start, end] = one < other ? [one, other] : [other, one];
        const answer = await get(large, { range: `bytes=${start}-${end}` });
        expect(answer.status).toBe(206);
        expect(answer.headers['content-range']).toBe(`bytes ${start}-${end}/${size}`);
        expect(answer.body.equals(large.bytes.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['beyond the end', large, `bytes=${size}-`],
    ['of the last 0 bytes', large, 'bytes=-0'],
    ['of an empty file', empty, 'bytes=0-0'],
  ])('%s is answered with 416', async (_what, file, range) => {
    const { reads } = storage;
    const answer = await get(file, { range });
    expect(answer).toMatchObject({ status: 416, complete: true });
    expect(answer.headers).toMatchObject({
      'content-range': `bytes */${file.size}`,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(errorOf(answer)).toEqual(refusals[416]);
    expect(storage.reads).toBe(reads);
  });

  it.each([
    ['several', small, 'bytes=0-1,3-4'],
    ['a thousand', small, `bytes=${'0-,'.repeat(1000)}0-`],
    ['a malformed one', small, 'bytes=4-2'],
    ['another unit', small, 'lines=1-2'],
    ['a suffix of nothing', empty, 'bytes=-5'],
  ])('is not what %s asks for: the whole is sent once', async (_what, file, range) => {
    const answer = await get(file, { range });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('content-range');
    expect(answer.body.equals(file.bytes)).toBe(true);
  });
});

describe('preconditions', () => {
  const etag = `"${small.sha256}"`;
  const range = 'bytes=2-4';

  it.each<[Record<string, string>, number]>([
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': `"other", ${etag}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': later }, 200],
    [{ 'if-none-match': etag, range }, 304],
    [{ 'if-modified-since': lastModified }, 304],
    [{ 'if-modified-since': later }, 304],
    [{ 'if-modified-since': 'Thu, 20 Nov 2025 09:59:59 GMT' }, 200],
    [{ 'if-modified-since': 'nonsense' }, 200],
    [{ 'if-modified-since': '2030-01-01' }, 200],
    [{ 'if-modified-since': 'Thu, 20 Nov 2025 10:00:00 -0500' }, 200],
    [{ 'if-none-match': etag, 'cache-control': 'no-cache' }, 304],
    [{ 'if-modified-since': later, 'cache-control': 'no-cache, no-store', pragma: 'no-cache' }, 304],
    [{ 'if-none-match': '"other"', 'cache-control': 'no-cache' }, 200],
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': `"other", ${etag}`, range }, 206],
    [{ 'if-match': `W/${etag}` }, 412],
    [{ 'if-match': '"other"', 'if-none-match': etag, range }, 412],
    [{ 'if-unmodified-since': lastModified }, 200],
    [{ 'if-unmodified-since': 'Thu, 20 Nov 2025 09:59:59 GMT' }, 412],
    [{ 'if-unmodified-since': 'nonsense' }, 200],
    [{ 'if-unmodified-since': '1' }, 200],
    [{ 'if-range': etag, range }, 206],
    [{ 'if-range': lastModified, range }, 206],
    [{ 'if-range': `W/${etag}`, range }, 200],
    [{ 'if-range': '"other"', range }, 200],
    [{ 'if-range': later, range }, 200],
    [{ 'if-range': 'Thu, 20 Nov 2025 09:59:59 GMT', range }, 200],
    [{ 'if-range': 'nonsense', range }, 200],
    [{ 'if-range': '', range }, 200],
    [{ 'if-range': '"other"', range: 'bytes=99-' }, 200],
    [{ 'if-range': etag, range: 'bytes=99-' }, 416],
    [{ 'if-range': etag }, 200],
  ])('%j is answered with %i', async (headers, status) => {
    const answer = await get(small, headers);
    expect(answer).toMatchObject({ status, complete: true });
    const bodies: Record<number, string> = { 200: '0123456789', 206: '234' };
    if (refusals[status]) expect(errorOf(answer)).toEqual(refusals[status]);
    else expect(answer.body.toString()).toBe(bodies[status] ?? '');
  });

  it.each(['America/New_York', 'UTC', 'Asia/Tokyo'])(
    'takes dates of every form as UTC, in %s',
    async (zone) => {
      const before = process.env['TZ'];
      process.env['TZ'] = zone;
      try {
        for (const [same, earlier] of [
          ['Thu Nov 20 10:00:00 2025', 'Thu Nov 20 09:59:59 2025'],
          ['Thursday, 20-Nov-25 10:00:00 GMT', 'Thursday, 20-Nov-25 09:59:59 GMT'],
        ] as const) {
          expect(await get(small, { 'if-modified-since': same })).toMatchObject({ status: 304 });
          expect(await get(small, { 'if-modified-since': earlier })).toMatchObject({ status: 200 });
          expect(await get(small, { 'if-unmodified-since': same })).toMatchObject({ status: 200 });
          expect(await get(small, { 'if-unmodified-since': earlier })).toMatchObject({ status: 412 });
          expect(await get(small, { 'if-range': same, range })).toMatchObject({ status: 206 });
        }
      } finally {
        if (before === undefined) delete process.env['TZ'];
        else process.env['TZ'] = before;
      }
    },
  );

  // The date may be that of the content before it, too.
  it.each<[Record<string, string>, number]>([
    [{ 'if-range': lastModified, range }, 200],
    [{ 'if-range': etag, range }, 206],
    [{ 'if-modified-since': lastModified }, 200],
    [{ 'if-modified-since': 'Thu, 20 Nov 2025 10:00:01 GMT' }, 304],
    [{ 'if-unmodified-since': lastModified }, 412],
    [{ 'if-unmodified-since': 'Thu, 20 Nov 2025 10:00:01 GMT' }, 200],
    [{ 'if-none-match': etag, 'if-modified-since': lastModified }, 304],
  ])('for a replacement, %j is answered with %i', async (headers, status) => {
    const answer = await get(replacement, headers);
    expect(answer).toMatchObject({ status, complete: true });
    expect(answer.headers['last-modified']).toBe(status === 412 ? undefined : lastModified);
  });

  it('hold for HEAD too', async () => {
    expect(await get(small, { 'if-none-match': etag }, 'HEAD')).toMatchObject({ status: 304 });
    const refused = await get(small, { 'if-match': '"other"' }, 'HEAD');
    expect([refused.status, refused.body.length]).toEqual([412, 0]);
  });

  it('repeat on 304 what a cache keeps with the file', async () => {
    const { headers: kept } = await get(small);
    const { headers } = await get(small, { 'if-none-match': etag });
    for (const name of ['content-type', 'content-length'] as const) delete kept[name];
    expect({ ...headers, date: '' }).toEqual({ ...kept, date: '' });
  });

  it('keep a refusal out of caches', async () => {
    const { headers } = await get(small, { 'if-match': '"other"' });
    expect(headers['cache-control']).toBe('no-store');
  });
});
