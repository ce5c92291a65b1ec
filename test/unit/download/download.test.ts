import { randomUUID } from 'node:crypto';
import { createAttachmentUrls, type Disposition } from '../../../src/auth/attachment-urls.js';
import type { DirectDownload } from '../../../src/storage/storage.js';
import {
  createFile,
  type DownloadServer,
  errorOf,
  goodCredential,
  maker,
  type StoredFile,
  startDownloadServer,
} from './download-server.js';

const report = createFile(Buffer.from('the report'), {
  fileName: 'report 1.pdf',
  contentType: 'application/pdf',
});
const foreign = createFile(Buffer.from('not yours'), { visibility: 'foreign' });
const pending = createFile(Buffer.from('unscanned'), { visibility: 'pending' });
const files: StoredFile[] = [report, foreign, pending];
const authorization = goodCredential;

let now = new Date('2025-11-20T10:00:00.000Z');
let server: DownloadServer;
beforeAll(async () => {
  server = await startDownloadServer(files, { clock: () => now });
});
beforeEach(() => {
  now = new Date('2025-11-20T10:00:00.000Z');
});
afterAll(() => server.close());

function addFile(overrides: Parameters<typeof createFile>[1], bytes = Buffer.from('some bytes')): StoredFile {
  const file = createFile(bytes, overrides);
  files.push(file);
  return file;
}

function signedUrl(file: StoredFile, disposition: Disposition = 'ATTACHMENT', expiresIn = 60): string {
  return server.urls.signedUrl(file, { expiresIn, disposition, maker });
}

describe('with a credential', () => {
  it('the file comes as a download that is checked anew each time', async () => {
    const answer = await server.get(server.urls.url(report), { authorization });
    expect(answer).toMatchObject({ status: 200, body: report.bytes });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/pdf',
      'content-disposition': 'attachment; filename="report 1.pdf"',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'private, no-cache',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      vary: 'Origin, Authorization',
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('parameters without a signature change nothing', async () => {
    const answer = await server.get(`${server.urls.url(report)}?disposition=INLINE`, { authorization });
    expect(answer.headers['content-disposition']).toMatch(/^attachment;/);
  });

  it.each<[string, () => string, Record<string, string>, number, string]>([
    ['no credential', () => server.urls.url(report), {}, 401, 'UNAUTHENTICATED'],
    [
      'a bad credential',
      () => server.urls.url(report),
      { authorization: 'Basic bad' },
      401,
      'UNAUTHENTICATED',
    ],
    ['no permission', () => server.urls.url(report), { authorization: 'Basic write-only' }, 403, 'FORBIDDEN'],
    ['a verdict outstanding', () => server.urls.url(pending), { authorization }, 409, 'NOT_APPROVED'],
  ])('%s is refused', async (_what, url, headers, status, code) => {
    const answer = await server.get(url(), headers);
    expect(answer.status).toBe(status);
    expect(errorOf(answer).code).toBe(code);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers).not.toHaveProperty('etag');
    expect((await server.get(url(), headers, 'HEAD')).status).toBe(status);
  });

  it('an unknown id and a file of others cannot be told apart', async () => {
    const { fileName } = report;
    const unknown = await server.get(server.urls.url({ id: randomUUID(), fileName }), { authorization });
    expect(unknown.status).toBe(404);
    expect(errorOf(unknown)).toEqual({ code: 'NOT_FOUND', types: [] });
    for (const url of [server.urls.url({ id: 'no uuid', fileName }), server.urls.url(foreign)]) {
      const answer = await server.get(url, { authorization });
      expect({ ...answer, headers: { ...answer.headers, date: '' } }).toEqual({
        ...unknown,
        headers: { ...unknown.headers, date: '' },
      });
    }
  });

  it.each(['/report%202.pdf', '/REPORT%201.pdf', '/', '', '/a/b', '/%2F..%2F', `/${'x'.repeat(2_000)}`])(
    'the id alone decides: %j behind it is the same file under its own name',
    async (rest) => {
      const { id, bytes } = report;
      const answer = await server.get(`${server.origin}/attachments/${id}${rest}`, { authorization });
      expect(answer).toMatchObject({ status: 200, body: bytes });
      expect(answer.headers['content-disposition']).toBe('attachment; filename="report 1.pdf"');
      const capitals = `${server.origin}/attachments/${id.toUpperCase()}${rest}`;
      expect(await server.get(capitals, { authorization })).toMatchObject({ status: 200, body: bytes });
    },
  );
});

describe('with a signature', () => {
  it('the file comes without a credential, to be kept while the URL is good', async () => {
    const url = signedUrl(foreign);
    now = new Date(now.getTime() + 20_500);
    const answer = await server.get(url);
    expect(answer).toMatchObject({ status: 200, body: foreign.bytes });
    expect(answer.headers).toMatchObject({
      'cache-control': 'private, max-age=39',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect((await server.get(url, {}, 'HEAD')).headers).toMatchObject({ 'content-length': '9' });
    expect(await server.get(url, { range: 'bytes=4-' })).toMatchObject({
      status: 206,
      body: Buffer.from('yours'),
    });
  });

  it('the signature alone decides, whatever the credential', async () => {
    const url = signedUrl(report);
    expect((await server.get(url, { authorization: 'Basic bad' })).status).toBe(200);
    expect((await server.get(`${url}&x=1`, { authorization })).status).toBe(403);
  });

  it.each<[string, () => string, string]>([
    ['expired', () => signedUrl(report, 'ATTACHMENT', 1), 'signature_expired'],
    ['altered', () => signedUrl(report).replace('ATTACHMENT', 'INLINE'), 'signature_invalid'],
    ['lengthened', () => signedUrl(report).replace(/expires=\d/, 'expires=9'), 'signature_invalid'],
    ['cut short', () => signedUrl(report).slice(0, -1), 'signature_invalid'],
    ['repeated', () => signedUrl(report).replace(/(signature=.+)$/, '$1&$1'), 'signature_invalid'],
    ['emptied', () => signedUrl(report).replace(/signature=.+$/, 'signature'), 'signature_invalid'],
    ['added to', () => `${signedUrl(report)}&disposition=INLINE`, 'signature_invalid'],
    ['moved to another id', () => signedUrl(report).replace(report.id, foreign.id), 'signature_invalid'],
    ['made with another secret', () => forgedUrl(report), 'signature_invalid'],
    ['for an unknown file, altered', () => `${signedUrl(createFile(Buffer.of()))}A`, 'signature_invalid'],
  ])('one that is %s is refused', async (_what, url, type) => {
    const target = url();
    now = new Date(now.getTime() + 2_000);
    const answer = await server.get(target, { authorization });
    expect(answer.status).toBe(403);
    expect(errorOf(answer)).toEqual({ code: 'FORBIDDEN', types: [type] });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('without the signature it is a plain address', async () => {
    const answer = await server.get(signedUrl(report).replace(/&signature=.+$/, ''));
    expect(errorOf(answer).code).toBe('UNAUTHENTICATED');
  });

  it('outlives a rename, and tells the new name', async () => {
    const file = addFile({ fileName: 'before.txt' });
    const { pathname, search } = new URL(signedUrl(file));
    file.fileName = 'after.txt';
    for (const path of [pathname, `/attachments/${file.id}`, `/attachments/${file.id.toUpperCase()}/x`]) {
      const answer = await server.get(`${server.origin}${path}${search}`);
      expect(answer).toMatchObject({ status: 200, body: file.bytes });
      expect(answer.headers['content-disposition']).toBe('attachment; filename=after.txt');
    }
  });

  it('does not bring back a file that is gone or not approved', async () => {
    const gone = await server.get(signedUrl(createFile(Buffer.of())));
    expect(gone.status).toBe(404);
    expect(errorOf(await server.get(signedUrl(pending))).code).toBe('NOT_APPROVED');
  });

  function forgedUrl(file: StoredFile): string {
    const secrets = ['another secret'] as const;
    const urls = createAttachmentUrls({ publicUrl: () => server.origin, secrets, clock: () => now });
    return urls.signedUrl(file, { expiresIn: 60, disposition: 'ATTACHMENT', maker });
  }
});

it('is sent to the store by one URL for half a minute, good for as long again and not kept for longer than the signature', async () => {
  const direct = {
    downloadUrl: async (key: string, { cacheControl, validity }: DirectDownload) =>
      `http://store.example/${key}?${new URLSearchParams({ cacheControl, from: validity.from.toISOString(), seconds: String(validity.seconds) })}`,
  };
  const sending = await startDownloadServer(files, { clock: () => now, direct });
  const locationAt = async (seconds: number) => {
    now = new Date(Date.parse('2025-11-20T10:00:00.000Z') + seconds * 1_000);
    const { status, headers } = await sending.get(signed);
    expect([status, headers['cache-control']]).toEqual([307, 'no-store']);
    return new URL(String(headers.location));
  };
  const signed = sending.urls.signedUrl(report, { expiresIn: 600, disposition: 'ATTACHMENT', maker });
  const first = await locationAt(0);
  for (const seconds of [1, 15, 29.999]) expect((await locationAt(seconds)).href).toBe(first.href);
  const next = await locationAt(30);
  expect(next.href).not.toBe(first.href);
  expect(Object.fromEntries(next.searchParams)).toEqual({
    cacheControl: 'private, max-age=540',
    from: '2025-11-20T10:00:30.000Z',
    seconds: '60',
  });
  await sending.close();
});

it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s is not answered', async (method) => {
  expect((await server.get(signedUrl(report), {}, method)).status).toBe(404);
});
