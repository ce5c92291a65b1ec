import { builtInPolicies, checkPolicy } from '../../../src/policies/check-policy.js';
import { agreeOn } from './agree.js';
import * as real from './real-files.js';

/** The types of faults under CONTENT_TYPE_MISMATCH that the bytes can have. */
const mismatch = /^(extension|declared_type)_mismatch$/;

const ooxml = 'application/vnd.openxmlformats-officedocument';

/** The table that calendar services publish, with real content for each type. */
const rows: readonly [string, string, readonly Buffer[]][] = [
  [
    'text/plain',
    '.txt .asc .c .cc .h .hh .cpp .hpp .dat .hlp .conf .def .doc .in .list .log .rst .text .textile',
    [real.text, real.westernText, real.utf16('Grüße'), real.utf16BigEndian('Grüße')],
  ],
  ['text/csv', '.csv', [real.csv, real.westernText, real.utf16('a;b\r\n1;2')]],
  ['application/rtf', '.rtf', [real.rtf]],
  ['application/pdf', '.pdf .ai', [real.pdf, real.pdfWithScript]],
  ['image/bmp', '.bmp', [real.bmp]],
  ['image/gif', '.gif', [real.gif]],
  ['image/jpeg', '.jpeg .jpg .jpe', [real.jpeg]],
  ['image/png', '.png', [real.png]],
  ['application/msword', '.doc .dot .wrd', [real.compoundFile('WordDocument')]],
  [
    `${ooxml}.wordprocessingml.document`,
    '.docx',
    [
      real.officeFile('docx'),
      real.officeFile('docx', { padding: 8000, deflated: false }),
      real.officeFile('docx', { first: { name: 'docProps/thumbnail.jpeg', content: real.noise(8000) } }),
      real.compoundFile('EncryptedPackage'),
    ],
  ],
  ['application/vnd.ms-powerpoint', '.ppt .pps .pot', [real.compoundFile('PowerPoint Document')]],
  [`${ooxml}.presentationml.presentation`, '.pptx', [real.officeFile('pptx')]],
  ['application/gzip', '.gz', [real.gzip]],
  ['application/zip', '.zip', [real.zip, real.zipFile([]), real.officeFile('docx')]],
  ['application/x-7z-compressed', '.7z', [real.sevenZip]],
  ['application/vnd.visio', '.vsd .vst .vsw .vss', [real.compoundFile('VisioDocument')]],
  ['application/vnd.ms-excel', '.xls .xlt .xla .xlc .xlm .xlw', [real.compoundFile('Workbook')]],
  [`${ooxml}.spreadsheetml.sheet`, '.xlsx', [real.officeFile('xlsx')]],
];

const calendar = builtInPolicies(2 ** 30).get('calendar');
if (!calendar) throw new Error('The calendar policy is not built in.');

const cases = rows.flatMap(([type, extensions, contents]) =>
  extensions.split(' ').map((extension): [string, string, readonly Buffer[]] => [extension, type, contents]),
);

test('the built-in table is the published one', () => {
  const table = Array.from(calendar.acceptedTypes ?? [], ([type, extensions]) => [
    type,
    [...extensions].join(' '),
  ]);
  expect(table).toEqual(rows.map(([type, extensions]) => [type, extensions]));
  expect(calendar).toMatchObject({ maxFileSize: 2_097_152, maxCount: 5, sharing: 'SHARED' });
});

test.each(cases)('%s is accepted as %s, declared so or not at all', async (extension, type, contents) => {
  for (const content of contents) {
    for (const declared of [
      type,
      null,
      '',
      'application/octet-stream',
      'binary/octet-stream',
      `${type}; charset=utf-8`,
    ]) {
      const fileName = `Agenda 3.1${extension.toUpperCase()}`;
      const { acceptedTypes } = calendar;
      const agreed = await agreeOn({ bytes: content, fileName, claim: declared, acceptedTypes });
      expect(agreed).toEqual({ contentType: type });
      expect(checkPolicy(calendar, { size: content.length, contentType: type, fileName })).toEqual([]);
    }
  }
});

const wrong: readonly [string, Buffer][] = [
  ['HTML', real.html],
  ['SVG', real.svg],
  ['noise', real.noise(4096)],
  ['a program', real.exe],
  ['an MP3', real.mp3],
];

test.each(cases)('%s is refused as %s where the content is something else', async (extension, type) => {
  for (const [, content] of wrong) {
    const isText = content === real.html || content === real.svg;
    const { acceptedTypes } = calendar;
    const agreed = await agreeOn({
      bytes: content,
      fileName: `agenda${extension}`,
      claim: type,
      acceptedTypes,
    });
    // Markup is text too, and harmless while it is called that.
    if (isText && type.startsWith('text/')) expect(agreed).toEqual({ contentType: type });
    else expect(agreed).toMatchObject({ fault: { type: expect.stringMatching(mismatch) } });
  }
});
