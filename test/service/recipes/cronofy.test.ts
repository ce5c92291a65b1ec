import { createHash } from 'node:crypto';
import type { Answer, AttachmentData } from '../../support/client.js';
import { readPage } from '../../support/doc-page.js';
import type { TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import * as real from '../../unit/content-types/real-files.js';
import { codeOf, dataOf, refusalOf, startAsOn } from './recipe.js';

type Created = Answer<{ createAttachment: { attachment: AttachmentData & { digest: { hash: string } } } }>;

interface Link {
  position: number;
  state: string;
  attachment: { id: string };
}

type Linked = Answer<{
  linkAttachments: { field: { version: number }; links: Link[]; unlinked: { id: string }[] };
}>;

const page = readPage('docs/moving/cronofy.md');
const limit = 2_097_152;
const md5 = (content: Buffer) => createHash('md5').update(content).digest('hex');

const ooxml = 'application/vnd.openxmlformats-officedocument';
const word = real.compoundFile('WordDocument');
const workbook = real.compoundFile('Workbook');
const presentation = real.compoundFile('PowerPoint Document');
const visio = real.compoundFile('VisioDocument');

/** The table, with a real file of each type. */
const table: [string, string, Buffer][] = [
  [
    'text/plain',
    '.txt .asc .c .cc .h .hh .cpp .hpp .dat .hlp .conf .def .doc .in .list .log .rst .text .textile',
    real.text,
  ],
  ['text/csv', '.csv', real.csv],
  ['application/rtf', '.rtf', real.rtf],
  ['application/pdf', '.pdf .ai', real.pdf],
  ['image/bmp', '.bmp', real.bmp],
  ['image/gif', '.gif', real.gif],
  ['image/jpeg', '.jpeg .jpg .jpe', real.jpeg],
  ['image/png', '.png', real.png],
  ['application/msword', '.doc .dot .wrd', word],
  [`${ooxml}.wordprocessingml.document`, '.docx', real.officeFile('docx')],
  ['application/vnd.ms-powerpoint', '.ppt .pps .pot', presentation],
  [`${ooxml}.presentationml.presentation`, '.pptx', real.officeFile('pptx')],
  ['application/gzip', '.gz', real.gzip],
  ['application/zip', '.zip', real.zip],
  ['application/x-7z-compressed', '.7z', real.sevenZip],
  ['application/vnd.visio', '.vsd .vst .vsw .vss', visio],
  ['application/vnd.ms-excel', '.xls .xlt .xla .xlc .xlm .xlw', workbook],
  [`${ooxml}.spreadsheetml.sheet`, '.xlsx', real.officeFile('xlsx')],
];

/** Base64, strict types, events: every step as docs/moving/cronofy.md has it. */
describe('Cronofy', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startAsOn(page);
  });
  afterAll(() => service.close());

  const create = (
    base64: string,
    fileName = 'notes.txt',
    contentType = 'text/plain',
    at = service,
  ): Promise<Created> => at.client.graphql(page.operation('Create'), { base64, fileName, contentType });
  const created = async (content: Buffer, fileName?: string, contentType?: string) =>
    dataOf(await create(content.toString('base64'), fileName, contentType)).createAttachment.attachment;
  const newIds = (count: number) =>
    Promise.all(Array.from({ length: count }, async () => (await created(real.text)).id));
  const set = (event: string, ids: string[]): Promise<Linked> =>
    service.client.graphql(page.operation('SetAttachments'), { event, ids });
  const idsIn = async (event: string) => {
    const { record } = await service.client.ask<{ record: { field: { links: Link[] } } }>(
      page.operation('OfEvent'),
      { event },
    );
    return record.field.links.map(({ attachment }) => attachment.id);
  };

  test('attachment_id, file_name, content_type; md5 of decoded bytes', async () => {
    expect(await created(real.pdf, 'job_description.pdf', 'application/pdf')).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      fileName: 'job_description.pdf',
      contentType: 'application/pdf',
      size: real.pdf.length,
      digest: { hash: md5(real.pdf) },
      status: 'APPROVED',
      expiresAt: expect.any(String),
    });
  });

  describe('base64', () => {
    // Its base64 has both characters that the alphabets differ in, and two of padding.
    const content = Buffer.from('~~~?~~~>??>_');
    const standard = Buffer.concat([content, Buffer.from('~')]).toString('base64');
    const urlSafe = standard.replaceAll('+', '-').replaceAll('/', '_');

    test.each([
      ['standard', standard],
      ['URL-safe', urlSafe],
      ['standard, not padded', standard.replace(/=+$/, '')],
      ['URL-safe, not padded', urlSafe.replace(/=+$/, '')],
    ])('standard, URL-safe, padded or not, all decode: %s', async (_what, base64) => {
      expect(standard).toMatch(/\+.*\/.*==$/);
      const { data } = await create(base64);
      expect(data?.createAttachment.attachment.digest.hash).toBe(md5(Buffer.from(standard, 'base64')));
    });

    const long = 'A'.repeat(300_000);
    test.each([
      ['a character of neither alphabet', 'QUJD!UJD', 4],
      ['both alphabets', 'QU+_', 3],
      ['half of its padding', 'QQ=', 3],
      ['padding in the middle', 'QQ==QUJD', 4],
      ['a single last character', 'QUJDR', 5],
      ['a line end within a group', 'QU\nJDQUJD', 2],
      ['lines of different lengths', 'QUJD\nQUJDQUJD', 9],
      ['a space', ' QUJD', 0],
      ['letters beyond ASCII', 'QUJDä', 4],
      ['a fault far behind', `${long}*`, 300_000],
    ])('anything else is INVALID_BASE64: %s', async (_what, base64, offset) => {
      const before = await storedFiles(service.dataDirectory);
      expect(refusalOf(await create(base64))).toMatchObject({
        code: 'INVALID_BASE64',
        details: [{ loc: ['input', 'content', 'base64', offset] }],
      });
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
    });

    test('the limit counts decoded bytes', async () => {
      const exact = await created(Buffer.alloc(limit, 'x'));
      expect(exact.size).toBe(limit);
      const inLines = Buffer.alloc(limit, 'x').toString('base64').replace(/.{76}/g, '$&\r\n');
      const { data } = await create(inLines);
      expect(data?.createAttachment.attachment.size).toBe(limit);
      const before = await storedFiles(service.dataDirectory);
      const over = await create(Buffer.alloc(limit + 1, 'x').toString('base64'));
      expect(refusalOf(over)).toMatchObject({ code: 'FILE_TOO_LARGE', limit });
      expect(await storedFiles(service.dataDirectory)).toEqual(before);
    });

    test('lines of 76 characters are taken, and so is a data URL in the place of base64', async () => {
      const bytes = Buffer.from('Agenda. '.repeat(100));
      const text = bytes.toString('base64');
      for (const base64 of [
        text.replace(/.{76}/g, '$&\r\n'),
        text.replace(/.{64}/g, '$&\n'),
        `data:text/plain;base64,${text}`,
        `data:;base64,${text}`,
        `DATA:text/plain; charset=utf-8; base64,${text.replace(/.{76}/g, '$&\r\n')}`,
      ]) {
        const { data } = await create(base64);
        expect(data?.createAttachment.attachment.digest.hash).toBe(md5(bytes));
      }
      const wrong = await create(`data:image/png;base64,${text}`);
      expect(codeOf(wrong)).toBe('CONTENT_TYPE_MISMATCH');
      expect(refusalOf(await create('data:text/plain,hello'))).toMatchObject({ code: 'INVALID_BASE64' });
    });

    test('without the policy a data URL in base64 is told where it belongs', async () => {
      for (const base64 of ['data:text/plain;base64,QUJD', 'DATA:,x']) {
        const answer = await service.client.graphql<{ createAttachment: null }>(
          'mutation ($base64: String!) { createAttachment(input: { content: { base64: $base64 }, fileName: "a.txt" }) { attachment { id } } }',
          { base64 },
        );
        expect(answer.errors?.[0]?.extensions).toMatchObject({
          code: 'INVALID_BASE64',
          details: [
            {
              loc: ['input', 'content', 'base64'],
              type: 'data_url_given',
              msg: expect.stringContaining('dataUrl'),
            },
          ],
        });
      }
    });

    test('an over-long string is refused before it is decoded', async () => {
      await using small = await startAsOn(page, { MAX_FILE_SIZE: '1000' });
      for (const length of [2_000, 262_000, 1_000_000]) {
        const { code, limit: bound } =
          refusalOf(await create(`${'A'.repeat(length)}!!!!`, 'a.txt', 'text/plain', small)) ?? {};
        expect({ length, code, bound }).toEqual({ length, code: 'FILE_TOO_LARGE', bound: 1_000 });
      }
      expect(await storedFiles(small.dataDirectory)).toEqual([]);
    });
  });

  describe('type and extension must match a fixed table', () => {
    test('which uploadPolicy tells', async () => {
      const { uploadPolicy } = await service.client.ask<{ uploadPolicy: object }>(
        '{ uploadPolicy(policy: "calendar") { name maxFileSize maxCount sharing acceptedTypes { contentType extensions } } }',
      );
      expect(uploadPolicy).toEqual({
        name: 'calendar',
        maxFileSize: limit,
        maxCount: 5,
        sharing: 'SHARED',
        acceptedTypes: table.map(([contentType, extensions]) => ({
          contentType,
          extensions: extensions.split(' '),
        })),
      });
    });

    test.each(table)('%s %s', async (contentType, extensions, content) => {
      for (const extension of extensions.split(' ')) {
        const attachment = await created(content, `file${extension}`, contentType);
        expect(attachment).toMatchObject({ fileName: `file${extension}`, contentType });
      }
    });

    test.each([
      ['CONTENT_TYPE_MISMATCH', real.pdf, 'a.png', 'application/pdf'],
      ['CONTENT_TYPE_MISMATCH', real.pdf, 'a.pdf', 'image/png'],
      ['CONTENT_TYPE_MISMATCH', real.zip, 'a.docx', `${ooxml}.wordprocessingml.document`],
      ['CONTENT_TYPE_MISMATCH', real.text, 'a.txt', 'text/csv'],
      ['CONTENT_TYPE_MISMATCH', real.text, 'a.csv', 'text/plain'],
      ['CONTENT_TYPE_NOT_ALLOWED', real.text, 'a.txt', 'text/html'],
      ['CONTENT_TYPE_NOT_ALLOWED', real.text, 'a.txt', 'application/json'],
      ['CONTENT_TYPE_NOT_ALLOWED', real.webp, 'a.webp', 'image/webp'],
      ['CONTENT_TYPE_NOT_ALLOWED', real.pdf, 'a', 'application/pdf'],
      ['CONTENT_TYPE_NOT_ALLOWED', real.text, 'a.py', 'text/plain'],
    ])('or else %s: case %#', async (code, content, fileName, contentType) => {
      expect(codeOf(await create(content.toString('base64'), fileName, contentType))).toBe(code);
    });

    test.each([
      ['a page as an image', real.html, 'a.png', 'image/png'],
      ['a program as a document', real.exe, 'a.doc', 'application/msword'],
      ['a drawing with script as a picture', real.svg, 'a.gif', 'image/gif'],
      ['noise as text', real.noise(2_000), 'a.txt', 'text/plain'],
    ])('bytes that are something else are refused too: %s', async (_what, content, fileName, contentType) => {
      const answer = await create(content.toString('base64'), fileName, contentType);
      expect(codeOf(answer)).toBe('CONTENT_TYPE_MISMATCH');
    });
  });

  test.each([
    ['control characters', 'a\u0000.txt', 'control_character'],
    ['control characters', 'a\r\nb.txt', 'control_character'],
    ['path characters', '../a.txt', 'path'],
    ['path characters', 'C:\\a.txt', 'path'],
    ['bidi-override characters', 'a\u202Etxt.exe.txt', 'bidi_override'],
    ['reserved device names', 'CON.txt', 'reserved_name'],
    ['reserved device names', 'lpt1', 'reserved_name'],
    ['more than 255 characters', `${'ä'.repeat(252)}.txt`, 'too_long'],
  ])('restricted characters in names, INVALID_FILE_NAME: %s', async (_what, fileName, type) => {
    const refusal = refusalOf(await create(real.text.toString('base64'), fileName));
    expect([refusal?.code, refusal?.details[0]?.type]).toEqual(['INVALID_FILE_NAME', type]);
  });

  describe('up to five for an event; one attachment in many events', () => {
    test('TOO_MANY_ATTACHMENTS', async () => {
      const ids = await newIds(6);
      expect(refusalOf(await set('full', ids))).toMatchObject({ code: 'TOO_MANY_ATTACHMENTS', limit: 5 });
      expect(await idsIn('full')).toEqual([]);
      const five = await set('full', ids.slice(0, 5));
      expect(five.data?.linkAttachments.links.map(({ position, state }) => [position, state])).toEqual(
        [0, 1, 2, 3, 4].map((position) => [position, 'ACTIVE']),
      );
      const sixth = await service.client.graphql(
        'mutation ($ids: [ID!]!) { linkAttachments(input: { record: { type: "Event", id: "full" }, attachmentIds: $ids, mode: ADD }) { field { version } } }',
        { ids: ids.slice(5) },
      );
      expect(codeOf(sixth)).toBe('TOO_MANY_ATTACHMENTS');
      expect(await idsIn('full')).toEqual(ids.slice(0, 5));
    });

    test('no new name leads past the table', async () => {
      const [id] = (await newIds(1)) as [string];
      await set('renamed', [id]);
      const rename = (fileName: string) =>
        service.client.graphql(
          'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { fileName } } }',
          { input: { attachmentId: id, fileName } },
        );
      expect(refusalOf(await rename('notes.py'))).toMatchObject({
        code: 'CONTENT_TYPE_NOT_ALLOWED',
        details: [{ loc: ['input', 'fileName'], type: 'extension_not_allowed' }],
      });
      expect((await rename('notes.log')).errors).toBeUndefined();
      await set('renamed', []);
      expect((await rename('notes.py')).errors).toBeUndefined();
    });

    test('linked to two events, deleted from one, still in the other', async () => {
      const [id, other] = (await newIds(2)) as [string, string];
      await set('monday', [id, other]);
      await set('tuesday', [id]);
      const emptied = await set('monday', [other]);
      expect(emptied.data?.linkAttachments.unlinked).toEqual([{ id, expiresAt: null }]);
      expect([await idsIn('monday'), await idsIn('tuesday')]).toEqual([[other], [id]]);
      await set('monday', [other, id]);
      const gone = await service.client.ask<object>(page.operation('EventGone'), { event: 'monday' });
      expect(gone).toEqual({ deleteRecordAttachments: { deletedAttachmentIds: [] } });
      expect([await idsIn('monday'), await idsIn('tuesday')]).toEqual([[], [id]]);
      const last = await set('tuesday', []);
      expect(last.data?.linkAttachments.unlinked).toEqual([{ id, expiresAt: expect.any(String) }]);
    });
  });
});
