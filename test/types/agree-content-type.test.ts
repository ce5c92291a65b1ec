import { agreeContentType } from '../../src/attachments/agree-content-type.js';
import type { AcceptedTypes } from '../../src/attachments/policy.js';
import * as real from './real-files.js';

const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const xlsx = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const odt = 'application/vnd.oasis.opendocument.text';

const byName = 'extension_mismatch';
const byDeclaration = 'declared_type_mismatch';

/** `expected` is the type agreed on, or the kind of the fault. */
async function agree(
  content: Uint8Array,
  fileName: string,
  declared: string | null,
  acceptedTypes?: AcceptedTypes,
) {
  const head = content.subarray(0, 4096);
  const agreed = await agreeContentType({ head, fileName, declared, acceptedTypes: acceptedTypes ?? null });
  return 'contentType' in agreed ? agreed.contentType : agreed.fault.type;
}

describe('content that is not what it is called is refused, or stored as what it is', () => {
  const gifScript = real.bytes('GIF89a/*', [0, 0, 0, 0], '*/=1;alert(1)//');
  const table: [string, Buffer, string, string | null, string][] = [
    ['HTML named .png', real.html, 'photo.png', null, byName],
    ['HTML named and declared PNG', real.html, 'photo.png', 'image/png', byName],
    ['HTML declared PNG', real.html, 'photo', 'image/png', byDeclaration],
    ['HTML without a name', real.html, 'photo', null, 'text/html'],
    ['HTML named .png behind an invisible character', real.html, 'photo.png\uFE0F', null, byName],
    ['HTML in UTF-16 named .png', real.utf16('<html><script>1</script></html>'), 'photo.png', null, byName],
    ['HTML in UTF-16 without a name', real.utf16BigEndian('<html></html>'), 'photo', null, 'text/html'],
    [
      'HTML in UTF-7 named .png',
      real.utf8('+ADw-script+AD4-alert(1)+ADw-/script+AD4-'),
      'a.png',
      null,
      byName,
    ],
    ['HTML in UTF-7 without a name', real.utf8('+ADw-script+AD4-alert(1)'), 'a', null, 'text/plain'],
    [
      'HTML in ISO 8859-1 without a name',
      real.bytes('<html><p>M\xfcller</p></html>'),
      'a',
      null,
      'text/html',
    ],
    ['HTML behind comments', real.utf8('<!-- a --> <!-- b -->\n<script>1</script>'), 'a', null, 'text/html'],
    ['HTML named .svg', real.html, 'logo.svg', null, byName],
    ['text named .svg', real.text, 'logo.svg', null, byName],
    ['text declared SVG', real.text, 'logo', 'image/svg+xml', byDeclaration],
    ['XML named .svg', real.xml, 'logo.svg', null, byName],
    ['SVG named .svg', real.svg, 'logo.svg', null, 'image/svg+xml'],
    ['SVG with a prolog, declared XML', real.svgWithProlog, 'logo.svg', 'text/xml', 'image/svg+xml'],
    [
      'SVG in UTF-16',
      real.utf16('<?xml version="1.0" encoding="UTF-16"?><svg/>'),
      'a',
      null,
      'image/svg+xml',
    ],
    ['SVG named .png', real.svg, 'logo.png', null, byName],
    ['SVG declared PNG', real.svg, 'logo.svg', 'image/png', byDeclaration],
    ['SVG named .xml', real.svg, 'logo.xml', null, 'application/xml'],
    ['SVG without a name', real.svgWithProlog, 'logo', null, 'image/svg+xml'],
    ['PNG named .txt', real.png, 'notes.txt', null, byName],
    ['PNG declared text', real.png, 'notes', 'text/plain', byDeclaration],
    ['PNG named .jpg', real.png, 'photo.jpg', null, byName],
    ['PNG declared JPEG', real.png, 'photo.png', 'image/jpeg', byDeclaration],
    ['PNG named .hlp', real.png, 'a.hlp', null, byName],
    ['text named .png', real.text, 'photo.png', null, byName],
    ['noise named .png', real.noise(4096), 'photo.png', null, byName],
    ['noise named .pdf', real.noise(4096), 'report.pdf', 'application/pdf', byName],
    ['noise named .txt', real.noise(4096), 'notes.txt', null, byName],
    ['noise without a name', real.noise(4096), 'data', null, 'application/octet-stream'],
    ['GIF that is a script, named .gif', gifScript, 'a.gif', null, 'image/gif'],
    ['GIF that is a script, named .js', gifScript, 'a.js', 'text/javascript', byName],
    ['a script that begins like a GIF', real.utf8('GIF89a=1;alert(1)'), 'a.js', null, 'text/javascript'],
    ['the same, named .gif', real.utf8('GIF89a=1;alert(1)'), 'a.gif', null, 'image/gif'],
    ['the same, named .png', real.utf8('GIF89a=1;alert(1)'), 'a.png', null, byName],
    ['an icon', real.bytes([0, 0, 1, 0, 1, 0]), 'a.ico', 'image/x-icon', 'image/vnd.microsoft.icon'],
    ['an icon without a name', real.bytes([0, 0, 1, 0, 1, 0]), 'a', null, 'application/octet-stream'],
    ['an MP3 without tags', real.bytes([0xff, 0xfb, 0x90, 0x64, 0, 0]), 'a.mp3', null, 'audio/mpeg'],
    ['an MP3 without tags, named .jpg', real.bytes([0xff, 0xfb, 0x90, 0x64, 0, 0]), 'a.jpg', null, byName],
    ['HTML named as help of Windows', real.html, 'a.hlp', null, 'text/plain'],
    ['text that begins like a bitmap', real.utf8('BMW sales by year'), 'cars.txt', null, 'text/plain'],
    ['text that begins like a program', real.utf8('MZ is a magic number'), 'note', null, 'text/plain'],
    ['PDF with a script', real.pdfWithScript, 'report.pdf', 'application/pdf', 'application/pdf'],
    ['PDF named .txt', real.pdf, 'report.txt', null, byName],
    ['PDF named .html', real.pdf, 'report.html', 'text/html', byName],
    ['PDF behind blank lines', real.bytes('\r\n\r\n', real.pdf, [0]), 'report.pdf', null, 'application/pdf'],
    ['PDF of text behind blank lines', real.bytes('\r\n', real.pdf), 'report', null, 'application/pdf'],
    ['PDF without a name', real.pdf, 'report', null, 'application/pdf'],
    ['RTF named .txt', real.rtf, 'letter.txt', null, byName],
    ['RTF named .doc', real.rtf, 'letter.doc', null, byName],
    ['ZIP named .docx', real.zip, 'letter.docx', docx, byName],
    ['ZIP declared docx', real.zip, 'letter', docx, byDeclaration],
    [
      'ZIP whose first entry cannot be read',
      real.bytes('PK\x03\x04', Buffer.alloc(60)),
      'a.docx',
      null,
      docx,
    ],
    ['ZIP named .odt', real.zip, 'letter.odt', null, byName],
    ['ZIP named .epub', real.zip, 'book.epub', null, byName],
    ['ZIP named .jar', real.zip, 'tool.jar', null, 'application/java-archive'],
    ['ZIP named .kmz', real.zip, 'map.kmz', null, 'application/vnd.google-earth.kmz'],
    ['docx named .xlsx', real.officeFile('docx'), 'a.xlsx', null, byName],
    ['docx named .zip', real.officeFile('docx'), 'a.zip', null, 'application/zip'],
    ['docx named .zip, declared docx', real.officeFile('docx'), 'a.zip', docx, byDeclaration],
    ['docx declared ZIP', real.officeFile('docx'), 'a.docx', 'application/zip', docx],
    ['docx without a name', real.officeFile('docx'), 'a', null, docx],
    ['xlsx declared docx', real.officeFile('xlsx'), 'a.xlsx', docx, byDeclaration],
    ['OpenDocument', real.openDocument(odt), 'a.odt', 'application/zip', odt],
    [
      'OpenDocument of a rare kind',
      real.openDocument('application/vnd.oasis.opendocument.formula'),
      'a.odf',
      null,
      'application/vnd.oasis.opendocument.formula',
    ],
    ['Word 97 named .docx', real.compoundFile('WordDocument'), 'a.docx', null, byName],
    [
      'Word 97 named .doc',
      real.compoundFile('WordDocument'),
      'a.doc',
      'application/x-ole-storage',
      'application/msword',
    ],
    ['Word 97 without a name', real.compoundFile('WordDocument'), 'a', null, 'application/x-cfb'],
    [
      'a mail of Outlook',
      real.compoundFile('__properties_version1.0'),
      'a.msg',
      null,
      'application/vnd.ms-outlook',
    ],
    ['an installer', real.compoundFile('Property'), 'setup.msi', null, 'application/x-msdownload'],
    ['text named .doc', real.text, 'notes.doc', null, 'text/plain'],
    ['text named .doc, declared Word', real.text, 'notes.doc', 'application/msword', byDeclaration],
    ['text named .xls', real.csv, 'table.xls', null, byName],
    ['text named .mp3', real.text, 'song.mp3', null, byName],
    ['a program named .pdf', real.exe, 'invoice.pdf', null, byName],
    ['a program named .pdf.exe', real.exe, 'invoice.pdf.exe', null, 'application/x-msdownload'],
    [
      'a test virus',
      real.utf8('X5O!P%@AP[4\\PZX54(P^)7CC)7}$'),
      'eicar.com',
      null,
      'application/x-msdownload',
    ],
    ['gzip named .svgz', real.gzip, 'a.svgz', null, 'application/gzip'],
    ['gzip named .tgz', real.gzip, 'a.tgz', 'application/x-gzip', 'application/gzip'],
    ['gzip named .zip', real.gzip, 'a.zip', null, byName],
    ['PostScript named .ai', real.postScript, 'a.ai', null, 'application/postscript'],
    ['PDF named .ai', real.pdf, 'a.ai', 'application/illustrator', byDeclaration],
    ['PDF named .ai, declared PDF', real.pdf, 'a.ai', 'application/pdf', 'application/pdf'],
    [
      'TeX that begins like PostScript',
      real.utf8('%!TEX root = main.tex\n'),
      'a.tex',
      null,
      'application/x-tex',
    ],
    ['TIFF with its directory far behind', real.tiff, 'scan.tif', 'image/tiff', 'image/tiff'],
    [
      'a signature without the rest',
      real.bytes('\x89PNG\r\n\x1a\n', real.noise(40)),
      'a.png',
      null,
      'image/png',
    ],
    ['MP4 named .mov', real.mp4, 'film.mov', 'video/quicktime', 'video/quicktime'],
    ['MP4 of sound', real.mp4Audio, 'song.m4a', 'audio/mp4', 'audio/mp4'],
    ['WebP', real.webp, 'photo.webp', 'image/webp', 'image/webp'],
    ['WAVE', real.wav, 'song.wav', 'audio/x-wav', 'audio/wav'],
    ['MP3', real.mp3, 'song.mp3', 'audio/mp3', 'audio/mpeg'],
  ];

  test.each(table)('%s', async (_what, content, fileName, declared, expected) => {
    expect(await agree(content, fileName, declared)).toBe(expected);
  });
});

describe('kinds of text', () => {
  const table: [string, string | null, string][] = [
    ['data.csv', 'text/csv', 'text/csv'],
    ['data.csv', 'text/plain', 'text/plain'],
    ['data.csv', 'application/vnd.ms-excel', 'text/csv'],
    ['data.csv', 'application/csv', 'text/csv'],
    ['data.csv', 'application/pdf', byDeclaration],
    ['main.c', null, 'text/x-c'],
    ['main.c', 'text/x-csrc', 'text/x-csrc'],
    ['main.ts', 'video/mp2t', 'text/plain'],
    ['main.ts', 'application/typescript', 'application/typescript'],
    ['main.py', 'text/x-python', 'text/x-python'],
    ['main.js', 'application/x-javascript', 'text/javascript'],
    ['README.md', 'text/x-markdown', 'text/markdown'],
    ['film.srt', 'text/plain', 'text/plain'],
    ['film.srt', null, 'application/x-subrip'],
    ['server.log', null, 'text/plain'],
    ['letters.pot', null, 'text/plain'],
    ['id.pub', null, 'text/plain'],
    ['run.bat', null, 'text/plain'],
    ['notes', null, 'text/plain'],
    ['notes.unheard-of', null, 'text/plain'],
    ['notes.', null, 'text/plain'],
    ['notes', 'application/pdf', byDeclaration],
    ['feed', 'application/vnd.acme', 'application/vnd.acme'],
  ];

  test.each(table)('%s declared %s', async (fileName, declared, expected) => {
    expect(await agree(real.text, fileName, declared)).toBe(expected);
  });

  test('a page in Markdown stays Markdown, and a page in HTML stays HTML', async () => {
    expect(await agree(real.html, 'README.md', null)).toBe('text/markdown');
    expect(await agree(real.html, 'index.htm', null)).toBe('text/html');
    expect(await agree(real.html, 'index.htm', 'text/html; charset=iso-8859-1')).toBe('text/html');
    expect(await agree(real.html, 'source.txt', 'text/plain')).toBe('text/plain');
  });

  test('old encodings are text where the name says so', async () => {
    expect(await agree(real.westernText, 'kunden.csv', null)).toBe('text/csv');
    expect(await agree(real.westernText, 'kunden', 'text/csv')).toBe('text/csv');
    expect(await agree(real.westernText, 'kunden', null)).toBe('application/octet-stream');
    expect(await agree(real.westernText, 'kunden.png', null)).toBe(byName);
  });
});

describe('the declared type', () => {
  test.each([
    'image',
    'image/',
    '/png',
    '*/*',
    'image/*',
    'image/png/x',
    'image png',
    'image/p ng',
    'bild/ä',
    'a\u0000/b',
    `a/${'b'.repeat(128)}`,
  ])('%j is not a media type', async (declared) => {
    const agreed = await agreeContentType({
      head: real.png,
      fileName: 'a.png',
      declared,
      acceptedTypes: null,
    });
    expect(agreed).toMatchObject({
      fault: { code: 'BAD_USER_INPUT', type: 'invalid_media_type', loc: ['contentType'] },
    });
  });

  test.each([
    'image/png',
    'IMAGE/PNG',
    ' image/png ',
    'image/png;',
    'image/png; q="a\\"b;"',
    'image/x-png',
    'application/x-download',
  ])('%j goes with a PNG', async (declared) =>
    expect(await agree(real.png, 'a.png', declared)).toBe('image/png'),
  );

  test.each([
    ['image/jpg', real.jpeg, 'a.jpg', 'image/jpeg'],
    ['image/pjpeg', real.jpeg, 'a.jfif', 'image/jpeg'],
    ['image/x-ms-bmp', real.bmp, 'a.bmp', 'image/bmp'],
    ['application/x-zip-compressed', real.zip, 'a.zip', 'application/zip'],
    ['application/x-zip', real.zip, 'a.zip', 'application/zip'],
    ['application/x-gzip', real.gzip, 'a.gz', 'application/gzip'],
    ['application/x-pdf', real.pdf, 'a.pdf', 'application/pdf'],
    ['text/rtf', real.rtf, 'a.rtf', 'application/rtf'],
    ['application/msword', real.rtf, 'a.rtf', 'application/rtf'],
    ['application/7z-compressed', real.sevenZip, 'a.7z', 'application/x-7z-compressed'],
    ['text/xml', real.xml, 'a.xml', 'application/xml'],
    ['application/x-msexcel', real.compoundFile('Book'), 'a.xls', 'application/vnd.ms-excel'],
  ])('%s is another name of a type', async (declared, content, fileName, expected) => {
    expect(await agree(content, fileName, declared)).toBe(expected);
  });

  test('the fault says what was found', async () => {
    const claims = { head: real.html, fileName: 'photo.png', declared: null, acceptedTypes: null };
    expect(await agreeContentType(claims)).toEqual({
      fault: {
        code: 'CONTENT_TYPE_MISMATCH',
        loc: ['fileName'],
        type: 'extension_mismatch',
        msg: 'A .png file is image/png, but the content is text/html.',
      },
    });
    expect(await agreeContentType({ ...claims, fileName: 'photo', declared: 'image/jpg' })).toEqual({
      fault: {
        code: 'CONTENT_TYPE_MISMATCH',
        loc: ['contentType'],
        type: 'declared_type_mismatch',
        msg: 'The content is declared to be image/jpeg, but it is text/html.',
      },
    });
  });
});

describe('the policy chooses among names that fit', () => {
  const policy = (table: Record<string, string[]>): AcceptedTypes =>
    new Map(Object.entries(table).map(([type, extensions]) => [type, new Set(extensions)]));

  test('the first of its types for the extension', async () => {
    expect(await agree(real.text, 'main.c', null, policy({ 'text/plain': ['.c'], 'text/x-c': ['.c'] }))).toBe(
      'text/plain',
    );
    expect(await agree(real.text, 'main.c', null, policy({ 'text/x-c': ['.c'], 'text/plain': ['.c'] }))).toBe(
      'text/x-c',
    );
    expect(await agree(real.text, 'main.c', null, policy({ 'text/plain': ['.h'] }))).toBe('text/x-c');
  });

  test('the declared one, where it is among them', async () => {
    const both = policy({ 'text/plain': ['.c'], 'text/x-c': ['.c'] });
    expect(await agree(real.text, 'main.c', 'text/x-c', both)).toBe('text/x-c');
    expect(await agree(real.text, 'main.c', 'text/csv', both)).toBe('text/plain');
  });

  test('only one that fits the content', async () => {
    const word = policy({ 'text/plain': ['.doc'], 'application/msword': ['.doc'] });
    expect(await agree(real.compoundFile('WordDocument'), 'a.doc', null, word)).toBe('application/msword');
    expect(await agree(real.text, 'a.doc', null, word)).toBe('text/plain');
    expect(await agree(real.png, 'a.doc', null, word)).toBe(byName);
  });

  test('its extensions are known', async () => {
    const own = policy({ 'image/png': ['.shot'], 'application/octet-stream': ['.blob'] });
    expect(await agree(real.png, 'a.shot', null, own)).toBe('image/png');
    expect(await agree(real.html, 'a.shot', null, own)).toBe(byName);
    expect(await agree(real.png, 'a.blob', 'image/png', own)).toBe('application/octet-stream');
  });
});

describe('an empty file', () => {
  const nothing = Buffer.alloc(0);
  test.each([
    ['notes.txt', null, 'text/plain'],
    ['photo.png', null, 'image/png'],
    ['table.xlsx', 'application/zip', xlsx],
    ['README.md', 'text/plain', 'text/plain'],
    ['notes', 'text/csv', 'text/csv'],
    ['notes', null, 'application/octet-stream'],
    ['photo.png', 'text/plain', byDeclaration],
    ['photo.png', 'image/jpeg', byDeclaration],
  ])('%s declared %s', async (fileName, declared, expected) => {
    expect(await agree(nothing, fileName, declared)).toBe(expected);
  });
});
