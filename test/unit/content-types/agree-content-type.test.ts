import type { AcceptedTypes } from '../../../src/content-types/media-types.js';
import { agree, agreeOn, byDeclaration, byName } from './agree.js';
import * as real from './real-files.js';

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
    const agreed = await agreeOn({ bytes: real.png, fileName: 'a.png', claim: declared });
    expect(agreed).toMatchObject({
      fault: { type: 'invalid_media_type', loc: ['contentType'] },
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
    const claims = { bytes: real.html, fileName: 'photo.png' };
    expect(await agreeOn(claims)).toEqual({
      fault: {
        loc: ['fileName'],
        type: 'extension_mismatch',
        msg: 'A .png file is image/png, but the content is text/html.',
      },
    });
    expect(await agreeOn({ ...claims, fileName: 'photo', claim: 'image/jpg' })).toEqual({
      fault: {
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
    ['photo.png', null, byName],
    ['table.xlsx', 'application/zip', byName],
    ['README.md', 'text/plain', 'text/plain'],
    ['notes', 'text/csv', 'text/csv'],
    ['notes', null, 'application/octet-stream'],
    ['notes', 'image/jpeg', byDeclaration],
    ['notes.txt', 'image/jpeg', byDeclaration],
    ['photo.png', 'text/plain', byName],
    ['photo.png', 'image/jpeg', byName],
    ['data.json', null, 'text/plain'],
    ['logo.svg', null, byName],
  ])('%s declared %s', async (fileName, declared, expected) => {
    expect(await agree(nothing, fileName, declared)).toBe(expected);
  });
});
