import { gzipSync } from 'node:zlib';
import { type Answer, type AttachmentData, dataOf } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';
import * as real from '../../unit/content-types/real-files.js';
import { base64Short, createMutation, type Door, dataUrlShort, documentKey, upload } from './doors.js';

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const isoMedia = real.bytes([0, 0, 0, 20], 'ftypheic', [0, 0, 0, 0], 'mif1', [0, 0, 0, 9], 'mdatx');
const frame = real.bytes([0xff, 0xfb, 0x90, 0x64], Buffer.alloc(413));
const entry = (name: string, content = 'x') => ({ name, content, deflated: true });
const trash = (...more: ReturnType<typeof entry>[]) =>
  real.zipFile([
    { name: '[trash]/0001.dat', content: real.noise(20_000) },
    entry('word/document.xml'),
    entry('[Content_Types].xml'),
    ...more,
  ]);
const western = real.bytes('BMW-H\xe4ndler;Stra\xdfe\r\nM\xfcller;1\r\n');

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const tryUpload = (name: string, type: string, content: Buffer, input: Record<string, unknown> = {}) =>
  service.client.tryUpload({ content: new Uint8Array(content), name, type }, input);
const outcomeOf = ({ data, errors }: Answer<{ createAttachment: { attachment: AttachmentData } }>) =>
  data?.createAttachment?.attachment.contentType ?? errors?.[0]?.extensions.code;

describe('files that people have, with the type that their clients put on the part', () => {
  const table: [string, string, Buffer, string, string][] = [
    [
      'app.ts',
      'video/vnd.dlna.mpeg-tts',
      real.utf8('const a = 1\n'),
      'text/plain',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    ['a.png', 'multipart/form-data', real.png, 'image/png', 'image/png'],
    ['a.png', 'image/*', real.png, 'image/png', 'image/png'],
    ['a.png', '*/*', real.png, 'image/png', 'image/png'],
    ['a.png', 'application/x-unknown', real.png, 'image/png', 'image/png'],
    ['a.png', 'text/html', real.png, 'image/png', 'image/png'],
    [
      'a.dwg',
      'application/acad',
      real.bytes('AC1032\0\0\0\0\x01\x02\x03'),
      'image/vnd.dwg',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    ['a.svgz', 'image/svg+xml', gzipSync('<svg/>'), 'application/gzip', 'CONTENT_TYPE_NOT_ALLOWED'],
    [
      'c.cbz',
      'application/vnd.comicbook+zip',
      real.zip,
      'application/vnd.comicbook+zip',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    [
      'a.cbr',
      'application/vnd.comicbook-rar',
      real.bytes('Rar!\x1a\x07\0', Buffer.alloc(30)),
      'application/vnd.comicbook-rar',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    ['a.cbr', 'application/x-cbr', real.zip, 'application/zip', 'CONTENT_TYPE_MISMATCH'],
    ['a.cb7', 'application/x-cbr', real.sevenZip, 'application/x-cb7', 'CONTENT_TYPE_NOT_ALLOWED'],
    ['a.heic', 'image/jpeg', isoMedia, 'image/heic', 'CONTENT_TYPE_NOT_ALLOWED'],
    ['IMG_1.JPG', 'image/jpeg', isoMedia, 'image/heic', 'CONTENT_TYPE_MISMATCH'],
    ['a.ico', 'image/x-icon', real.png, 'image/png', 'CONTENT_TYPE_MISMATCH'],
    [
      'scan.pdf',
      'application/pdf',
      real.bytes('Content-type: application/pdf\n', real.pdf, [0xe2, 0xe3]),
      'application/pdf',
      'application/pdf',
    ],
    ['trash.docx', docx, trash(), docx, docx],
    [
      'macro.docx',
      docx,
      trash(entry('word/vbaProject.bin')),
      'application/vnd.ms-word.document.macroenabled.12',
      'CONTENT_TYPE_MISMATCH',
    ],
    ['a.pptx', '', trash(), docx, 'CONTENT_TYPE_MISMATCH'],
    ['a.docx', docx, real.zipFile([entry('word/a.xml')]), 'application/zip', 'CONTENT_TYPE_MISMATCH'],
    ['a.vsd', 'application/vnd.visio', real.zip, 'application/zip', 'CONTENT_TYPE_MISMATCH'],
    ['a.xls', '', real.compoundFile('WordDocument'), 'application/msword', 'CONTENT_TYPE_MISMATCH'],
    ['cp1252.csv', 'text/csv', western, 'text/csv', 'text/csv'],
    [
      'notes.md',
      'text/markdown',
      real.utf8('# Title\x0bsecond line\n'),
      'text/markdown',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    [
      'lame.mp3',
      'audio/mpeg',
      Buffer.concat([Buffer.alloc(417), frame, frame, frame]),
      'audio/mpeg',
      'CONTENT_TYPE_NOT_ALLOWED',
    ],
    [
      'export.xls',
      'application/vnd.ms-excel',
      real.utf8('<html><table><tr><td>1</td></tr></table></html>'),
      'text/html',
      'CONTENT_TYPE_MISMATCH',
    ],
    [
      'export.xls',
      'application/vnd.ms-excel',
      real.utf8('a\tb\n1\t2\n'),
      'text/plain',
      'CONTENT_TYPE_MISMATCH',
    ],
    [
      'export.xls',
      'application/vnd.ms-excel',
      real.utf8('<?xml version="1.0"?><Workbook/>'),
      'application/xml',
      'CONTENT_TYPE_MISMATCH',
    ],
    ['letter.doc', 'application/msword', real.rtf, 'application/rtf', 'CONTENT_TYPE_MISMATCH'],
    ['logo.png', 'image/png', real.svg, 'image/svg+xml', 'CONTENT_TYPE_MISMATCH'],
    ['letter.doc', 'application/msword', real.html, 'text/html', 'text/plain'],
    ['notes.txt', 'text/html', real.html, 'text/plain', 'text/plain'],
    [
      'setup.exe',
      'application/x-msdownload',
      real.utf8('echo off\r\n'),
      'text/plain',
      'CONTENT_TYPE_MISMATCH',
    ],
    ['scan', 'application/pdf', real.bytes([0, 1], real.pdf), 'application/pdf', 'CONTENT_TYPE_NOT_ALLOWED'],
    ['a.pdf', 'application/pdf', Buffer.alloc(0), 'application/octet-stream', 'CONTENT_TYPE_MISMATCH'],
    ['a.docx', docx, Buffer.alloc(0), 'application/octet-stream', 'CONTENT_TYPE_MISMATCH'],
    ['a.csv', '', Buffer.alloc(0), 'text/csv', 'text/csv'],
  ];

  test.each(table)('%s as %s', async (name, type, content, free, listed) => {
    expect(outcomeOf(await tryUpload(name, type, content))).toBe(free);
    expect(outcomeOf(await tryUpload(name, type, content, { policy: 'calendar' }))).toBe(listed);
  });

  test('an empty file may be claimed to be anything under default, and nothing else under calendar', async () => {
    const input = { contentType: 'application/pdf' };
    expect(outcomeOf(await tryUpload('a.pdf', '', Buffer.alloc(0), input))).toBe('application/octet-stream');
    const listed = await tryUpload('a.pdf', '', Buffer.alloc(0), { ...input, policy: 'calendar' });
    expect(outcomeOf(listed)).toBe('CONTENT_TYPE_MISMATCH');
  });

  test('under another name later, too', async () => {
    const answer = await tryUpload('export.xls', '', real.html);
    const { id } = dataOf(answer).createAttachment.attachment;
    const renamed = await service.client.graphql<{ updateAttachment: { attachment: AttachmentData } }>(
      'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { fileName contentType } } }',
      { input: { attachmentId: id, fileName: 'export 2.xls' } },
    );
    expect(dataOf(renamed).updateAttachment.attachment).toEqual({
      fileName: 'export 2.xls',
      contentType: 'text/html',
    });
  });

  test.each([
    ['export.xls', real.html],
    ['logo.png', real.svg],
  ])('%s is never shown in place', async (name, content) => {
    const { downloadUrl } = await urlOf(name, content);
    const { headers } = await service.client.download(downloadUrl);
    expect(headers.get('content-disposition')).toMatch(/^attachment;/);
  });
});

async function urlOf(name: string, content: Buffer): Promise<{ downloadUrl: string }> {
  const { id } = dataOf(await tryUpload(name, '', content)).createAttachment.attachment;
  const { attachment } = await service.client.ask<{ attachment: { downloadUrl: string } }>(
    'query ($id: ID!) { attachment(id: $id) { downloadUrl(disposition: INLINE) } }',
    { id },
  );
  return attachment;
}

describe('a type that browsers give by the extension alone is no claim', () => {
  test.each([
    ['logo.ai', 'application/postscript', real.pdf, 'application/pdf'],
    ['logo.ai', 'application/postscript', real.postScript, 'application/postscript'],
    ['id_ed25519.pub', 'application/vnd.ms-publisher', real.utf8('ssh-ed25519 AAAA me\n'), 'text/plain'],
    ['tls.key', 'application/vnd.apple.keynote', real.utf8('-----BEGIN PRIVATE KEY-----\n'), 'text/plain'],
  ])('%s as %s', async (name, type, content, expected) => {
    expect(outcomeOf(await documentKey.create(service.client, { content, name, type }))).toBe(expected);
  });

  test.each([
    ['table.csv', 'application/vnd.ms-excel', real.csv, 'text/csv'],
    ['letter.rtf', 'application/msword', real.rtf, 'application/rtf'],
    ['logo.ai', 'application/postscript', real.pdf, 'application/pdf'],
  ])('%s as %s under a policy that a target names', async (fileName, contentType, content, expected) => {
    const input = { fileName, contentType, size: content.byteLength, policy: 'calendar' };
    const { createUploadTarget } = await service.client.ask<{
      createUploadTarget: { target: { url: string; documentKey: string } };
    }>(
      'mutation ($input: CreateUploadTargetInput!) { createUploadTarget(input: $input) { target { url documentKey } } }',
      { input },
    );
    const { url, documentKey: key } = createUploadTarget.target;
    const headers = { 'content-type': contentType };
    expect((await fetch(url, { method: 'PUT', headers, body: new Uint8Array(content) })).ok).toBe(true);
    const made = await service.client.graphql<{ createAttachment: { attachment: AttachmentData } }>(
      createMutation,
      { input: { content: { documentKey: key }, policy: 'calendar' } },
    );
    expect(outcomeOf(made)).toBe(expected);
  });

  test('nor is that of a data URL, beside what the input says', async () => {
    const file = { content: real.csv, name: 'table.csv', type: 'application/vnd.ms-excel' };
    const said = await dataUrlShort.create(service.client, file, { contentType: 'text/csv' });
    expect(outcomeOf(said)).toBe('text/csv');
    const other = { ...file, name: 'table.txt' };
    const refused = await dataUrlShort.create(service.client, other, { contentType: 'text/csv' });
    expect(outcomeOf(refused)).toBe('CONTENT_TYPE_MISMATCH');
  });

  test('a database of LibreOffice and a big-endian WAVE file may be claimed by their usual names', async () => {
    const database = real.zipFile([
      { name: 'mimetype', content: 'application/vnd.oasis.opendocument.base' },
      entry('content.xml'),
    ]);
    const odb = 'application/vnd.oasis.opendocument.database';
    const kept = await documentKey.create(service.client, { content: database, name: 'a.odb', type: odb });
    expect(outcomeOf(kept)).toBe(odb);
    const wave = real.bytes('RIFX\0\0\x20\x24WAVEfmt ', real.noise(200));
    const heard = await documentKey.create(service.client, {
      content: wave,
      name: 'a.wav',
      type: 'audio/x-wav',
    });
    expect(outcomeOf(heard)).toBe('audio/wav');
  });
});

describe('the encoding of text is told where it is known', () => {
  const line = 'Grüße aus Köln\r\n';
  test.each([
    ['UTF-8', real.utf8(line.repeat(2_000)), 'text/plain; charset=utf-8'],
    ['ASCII', real.utf8('hello'), 'text/plain; charset=utf-8'],
    ['UTF-16', real.utf16(line), 'text/plain; charset=utf-16le'],
    ['UTF-16 without a mark', real.utf16(line.repeat(20)).subarray(2), 'text/plain; charset=utf-16le'],
    ['latin-1', real.bytes(line), 'text/plain'],
    ['latin-1 far behind ASCII', real.bytes('x'.repeat(3_000_000), line), 'text/plain'],
    ['UTF-8 that is cut off', real.utf8(line.repeat(2_000)).subarray(0, 3), 'text/plain'],
  ])('%s', async (_what, content, expected) => {
    const { downloadUrl } = await urlOf('notes.txt', content);
    expect((await service.client.download(downloadUrl)).headers.get('content-type')).toBe(expected);
  });
});

describe('bytes are recognized alike, whichever way they come', () => {
  const files: [string, Buffer, string][] = [
    ['small.docx', real.officeFile('docx'), docx],
    ['trash.docx', trash(), docx],
    ['letter.doc', real.compoundFile('WordDocument'), 'application/msword'],
    ['song.mp3', Buffer.concat([Buffer.alloc(30_000), frame, frame, frame]), 'audio/mpeg'],
    [
      'song.flac',
      real.bytes('ID3\x04\0\0\0\0\x7f\x76', Buffer.alloc(16_374), 'fLaC', real.noise(50_000)),
      'audio/flac',
    ],
    ['cp1252.csv', western, 'text/csv'],
  ];
  const doors: readonly Door[] = [upload, base64Short, dataUrlShort, documentKey];
  test.each(doors.map((door) => [door.name, door] as const))('%s', async (_name, door) => {
    for (const [name, content, expected] of files) {
      const file = { content, name, type: 'application/octet-stream' };
      const answer = await door.create(service.client, file);
      expect([name, outcomeOf(answer)]).toEqual([name, expected]);
    }
  });

  test('the bytes of a target that another attachment uses already', async () => {
    const target = await documentKey.create(service.client, { content: trash(), name: 'a.docx', type: docx });
    const first = dataOf(target).createAttachment.attachment;
    const again = await service.client.graphql<{ createAttachment: { attachment: AttachmentData } }>(
      createMutation,
      {
        input: { content: { documentKey: first.documentKey } },
      },
    );
    expect(dataOf(again).createAttachment.attachment.contentType).toBe(docx);
  });
});

describe('a document with macros is one, whatever it says of itself', () => {
  const vba = 'ContentType="application/vnd.ms-office.vbaProject"';
  const main = `<Override PartName="/word/document.xml" ContentType="${docx}.main+xml"/>`;
  const packageOf = (types: string, ...more: ReturnType<typeof entry>[]) =>
    real.zipFile([
      entry('[Content_Types].xml', `<Types>${types}${main}</Types>`),
      entry('word/document.xml'),
      ...more,
    ]);
  const project = entry('word/project.bin');
  const docm = 'application/vnd.ms-word.document.macroenabled.12';

  test.each<[string, Buffer, string]>([
    ['by the type of a part', packageOf(`<Override ${vba} PartName="/Word/project.bin"/>`, project), docm],
    ['by the type of an extension', packageOf(`<Default Extension="bin" ${vba}/>`, project), docm],
    [
      'beside an entry that says otherwise',
      packageOf('', entry('word/vbaProject.bin'), entry('mimetype', docx)),
      docm,
    ],
    ['not by a type that no part has', packageOf(`<Default Extension="bin" ${vba}/>`), docx],
    [
      'not by the type of an extension whose part has another',
      packageOf(
        `<Default Extension="bin" ${vba}/><Override PartName="/word/project.bin" ContentType="a/b"/>`,
        project,
      ),
      docx,
    ],
  ])('%s', async (_what, content, type) => {
    expect(outcomeOf(await tryUpload('a.docx', docx, content))).toBe(type);
    const listed = await tryUpload('a.docx', docx, content, { policy: 'calendar' });
    expect(outcomeOf(listed)).toBe(type === docx ? docx : 'CONTENT_TYPE_MISMATCH');
  });

  test.each([
    'text/html; officedocument..main',
    'image/svg+xml;officedocument..main',
    '\u65e5officedocument..main',
    'a\u0001officedocument..main',
    `${docx}s.main+xml`,
  ])('%j makes a package nothing but an archive', async (type) => {
    const types = `<Override PartName="/part.xml" ContentType="${type}"/>`;
    const archive = real.zipFile([entry('[Content_Types].xml', types), entry('part.xml')]);
    const answer = await tryUpload('a.bin', '', archive);
    const { id, contentType } = dataOf(answer).createAttachment.attachment;
    const { status, headers } = await service.client.download(`/attachments/${id}`);
    expect([contentType, status, headers.get('content-type')]).toEqual([
      ...['application/zip', 200, 'application/zip'],
    ]);
  });

  test('an archive is no document for an entry that says so', async () => {
    const archive = real.zipFile([entry('mimetype', docx)]);
    expect(outcomeOf(await tryUpload('a.docx', docx, archive))).not.toBe(docx);
  });
});

describe('an archive whose description of itself is hostile is looked at in no time', () => {
  const long = (text: string, end = '') => `${text.repeat((512 * 1024) / text.length)}${end}`;
  const flat = long('oasis.opendocument.', 'flat.main+xml');
  const table: [string, string, string][] = [
    ['comments that never end', '[Content_Types].xml', long('<!--')],
    ['parts that never end', '[Content_Types].xml', long('<Override ')],
    ['a very long type', '[Content_Types].xml', `<Override PartName="/part.xml" ContentType="${flat}"/>`],
    ['files that never end', 'META-INF/manifest.xml', long('<file-entry full-path="/" ')],
  ];

  test.each(table)('%s', async (_what, name, content) => {
    const archive = real.zipFile([entry(name, content), entry('part.xml')]);
    const start = performance.now();
    expect(outcomeOf(await tryUpload('a.bin', '', archive))).toBe('application/zip');
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
