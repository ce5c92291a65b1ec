import { parse as parseDisposition } from 'content-disposition';
import type { Disposition } from '../../../src/auth/attachment-urls.js';
import {
  createFile,
  type DownloadServer,
  goodCredential,
  maker,
  type StoredFile,
  startDownloadServer,
} from './download-server.js';

const files: StoredFile[] = [];

let server: DownloadServer;
beforeAll(async () => {
  server = await startDownloadServer(files);
});
afterAll(() => server.close());

function addFile(overrides: Parameters<typeof createFile>[1]): StoredFile {
  const file = createFile(Buffer.from('some bytes'), overrides);
  files.push(file);
  return file;
}

function signedUrl(file: StoredFile, disposition: Disposition = 'ATTACHMENT'): string {
  return server.urls.signedUrl(file, { expiresIn: 60, disposition, maker });
}

describe('in place', () => {
  it.each([
    'image/png',
    'image/jpeg',
    'image/gif',
    'image/webp',
    'image/avif',
    'audio/mpeg',
    'audio/ogg; codecs=opus',
    'video/mp4',
    'video/webm',
  ])('%s is shown', async (contentType) => {
    const { headers } = await server.get(signedUrl(addFile({ contentType }), 'INLINE'));
    expect(headers['content-disposition']).toMatch(/^inline;/);
    expect(headers['content-type']).toBe(contentType);
    expect(headers['content-security-policy']).toMatch(/^sandbox; default-src 'none'; /);
    expect(headers['content-security-policy']).not.toMatch(/script-src|allow-/);
  });

  it.each([
    ['utf-8', 'text/plain; charset=utf-8'],
    ['utf-16le', 'text/plain; charset=utf-16le'],
    [null, 'text/plain'],
  ])('text is shown in the encoding that was found: %s', async (charset, contentType) => {
    const file = addFile({ contentType: 'text/plain', charset });
    const { headers } = await server.get(signedUrl(file, 'INLINE'));
    expect(headers['content-disposition']).toMatch(/^inline;/);
    expect(headers['content-type']).toBe(contentType);
  });

  it.each(['text/html', 'application/xml', 'image/svg+xml'])(
    '%s states its encoding itself',
    async (contentType) => {
      const { headers } = await server.get(signedUrl(addFile({ contentType, charset: 'utf-8' }), 'INLINE'));
      expect(headers['content-type']).toBe(contentType);
    },
  );

  it('a PDF is shown outside the sandbox, which browsers show none in', async () => {
    const { headers } = await server.get(signedUrl(addFile({ contentType: 'application/pdf' }), 'INLINE'));
    expect(headers['content-disposition']).toMatch(/^inline;/);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; /);
    expect(headers['content-security-policy']).not.toMatch(/sandbox|script-src/);
  });

  it.each([
    'text/html',
    'text/html; charset=utf-8',
    'TEXT/HTML',
    'application/xhtml+xml',
    'image/svg+xml',
    'text/xml',
    'application/xml',
    'text/javascript',
    'application/json',
    'application/wasm',
    'application/octet-stream',
    'image/svg+xml;image/png',
    'image/png,text/html',
  ])('%j never is', async (contentType) => {
    const answer = await server.get(signedUrl(addFile({ contentType }), 'INLINE'));
    expect(answer.status).toBe(200);
    expect(answer.headers['content-disposition']).toMatch(/^attachment;/);
    expect(answer.headers['content-security-policy']).toBe("sandbox; default-src 'none'");
    expect(answer.headers['content-type']).toBe(contentType);
  });

  it('nothing is unless that was asked for', async () => {
    const { headers } = await server.get(signedUrl(addFile({ contentType: 'image/png' })));
    expect(headers['content-disposition']).toMatch(/^attachment;/);
  });
});

describe('the name', () => {
  it.each([
    'emoji 📎👩‍👩‍👧 and 中文.pdf',
    'quote " and \\ and \'.txt',
    'line\r\nSet-Cookie: stolen=1\r\n\r\n.html',
    '100%.txt',
    '%41%2F%0d%0a.txt',
    'a;b=c&d?e#f+g@h:i,j$.txt',
    'up/../down\\x.txt',
    'de\u0301compose\u0301.txt',
    'right\u202Eto\u2066left.exe',
    'nul\u0000 tab\t del\u007f.txt',
    "*=UTF-8''x; filename=y.txt",
    '.hidden',
    ' padded ',
    'x'.repeat(255),
    '📎'.repeat(255),
  ])('%j survives path, signature and header', async (fileName) => {
    const file = addFile({ fileName });
    for (const answer of [
      await server.get(server.urls.url(file), { authorization: goodCredential }),
      await server.get(signedUrl(file)),
    ]) {
      expect(answer).toMatchObject({ status: 200, body: file.bytes });
      const disposition = answer.headers['content-disposition'] ?? '';
      expect(parseDisposition(disposition)).toMatchObject({
        type: 'attachment',
        parameters: { filename: fileName },
      });
      expect(disposition).toMatch(/^[\x20-\x7e]+$/);
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
  });
});
