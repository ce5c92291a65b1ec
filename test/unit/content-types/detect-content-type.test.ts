import { deflateRawSync } from 'node:zlib';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { detect } from './agree.js';
import * as real from './real-files.js';

const typeOf = async (content: Uint8Array) => (await detect(content)).contentType;
const formOf = async (content: Uint8Array) => (await detect(content)).form;

describe('text is told from binary', () => {
  const everyLength = '$£€🎉';

  test('wherever UTF-8 is cut', async () => {
    const whole = real.utf8(everyLength.repeat(410)).subarray(0, 4096);
    for (let end = whole.length - 12; end <= whole.length; end++) {
      expect(await detect(whole.subarray(0, end))).toMatchObject({
        contentType: 'text/plain',
        form: 'text',
      });
    }
  });

  test('wherever UTF-16 is cut', async () => {
    for (const whole of [real.utf16(everyLength), real.utf16BigEndian(everyLength)]) {
      for (let end = 2; end <= whole.length; end++) {
        expect(await typeOf(whole.subarray(0, end))).toBe('text/plain');
      }
    }
  });

  test.each([
    ['a byte order mark alone', real.bytes([0xef, 0xbb, 0xbf]), 'text/plain'],
    ['terminal colours', real.utf8('\u001b[31mred\u001b[0m\r\n'), 'text/plain'],
    ['tabs and form feeds', real.utf8('a\tb\f\n'), 'text/plain'],
    ['a NUL', real.utf8('text\0text'), 'application/octet-stream'],
    ['a backspace', real.utf8('text\b'), 'application/octet-stream'],
    ['a DEL', real.utf8('text\x7f'), 'application/octet-stream'],
    ['a NUL in UTF-16', real.utf16('a\0b'), 'application/octet-stream'],
    ['UTF-16 without a byte order mark', real.utf16('text').subarray(2), 'application/octet-stream'],
    [
      'half a surrogate pair in UTF-16',
      real.bytes([0xff, 0xfe, 0x3c, 0xd8, 0x41, 0]),
      'application/octet-stream',
    ],
    ['an overlong NUL', real.bytes('a', [0xc0, 0x80]), 'application/octet-stream'],
    ['a surrogate in UTF-8', real.bytes('a', [0xed, 0xa0, 0x80]), 'application/octet-stream'],
    ['an escape alone', real.bytes([0x1b]), 'text/plain'],
    ['one NUL', real.bytes([0]), 'application/octet-stream'],
  ])('%s', async (_what, content, expected) => {
    expect(await typeOf(content)).toBe(expected);
  });

  test('bytes without controls may be text in an old encoding', async () => {
    expect(await formOf(real.westernText)).toBe('text');
    expect(await formOf(real.bytes(real.westernText, [0]))).toBe('binary');
  });
});

test.each<[string, Buffer, string]>([
  ['a document type', real.html, 'text/html'],
  ['an element that only pages have', real.utf8('\n\n <TABLE border=1>'), 'text/html'],
  ['an element and nothing more', real.utf8('<p>'), 'text/html'],
  ['a comment', real.utf8('<!-- a -->'), 'text/html'],
  ['a comment without an end', real.utf8('<!-- a'), 'text/html'],
  ['a prefix', real.utf8('<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>'), 'image/svg+xml'],
  ['another case', real.utf8('<SVG onload="1">'), 'image/svg+xml'],
  ['the document type of SVG', real.utf8('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>'), 'image/svg+xml'],
  [
    'a prolog before a page',
    real.utf8('<?xml version="1.0"?><!DOCTYPE html><html/>'),
    'application/xhtml+xml',
  ],
  ['a prolog before other elements', real.utf8('<?xml version="1.0"?><table/>'), 'application/xml'],
  ['a prolog alone', real.utf8('<?xml version="1.0"?>'), 'application/xml'],
  ['less-than and words', real.utf8('<John> hello'), 'text/plain'],
  ['less-than and a number', real.utf8('<3'), 'text/plain'],
  ['a script of PHP', real.utf8('<?php echo 1;'), 'text/plain'],
  ['markup behind words', real.utf8('see <html>'), 'text/plain'],
  ['a calendar', real.utf8('BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n'), 'text/calendar'],
  ['a card', real.utf8('BEGIN:VCARD\r\n'), 'text/vcard'],
  ['subtitles', real.utf8('WEBVTT\n\n'), 'text/vtt'],
])('text says what it is: %s', async (_what, content, expected) => {
  expect(await typeOf(content)).toBe(expected);
});

test('an empty file is of no type', async () => {
  expect(await detect(Buffer.alloc(0))).toEqual({
    contentType: 'application/octet-stream',
    form: 'empty',
    hints: [],
    inside: 'read',
    charset: null,
  });
});

test('two bytes are a hint, and no more', async () => {
  const disk = real.bytes([0x78, 0x01], real.noise(100));
  expect(await detect(disk)).toMatchObject({
    contentType: 'application/octet-stream',
    hints: ['application/x-apple-diskimage'],
  });
});

test('no content makes it fail, or take long', async () => {
  const random = seededRandom();
  const files = Object.values(real).filter((value) => Buffer.isBuffer(value));
  files.push(real.officeFile('docx'), real.compoundFile('Book'), real.openDocument('x'));
  let slowest = 0;
  for (let round = 0; round < 1500; round++) {
    const content = mutate(files[random.integer(0, files.length - 1)] ?? real.png, random.integer);
    const start = performance.now();
    const { contentType, form } = await detect(content);
    slowest = Math.max(slowest, performance.now() - start);
    expect(contentType).toMatch(/^[a-z]+\/[a-z0-9.+-]+$/);
    expect(['empty', 'text', 'binary']).toContain(form);
  }
  report(`1,500 mutated files, seed ${random.seed}; slowest ${slowest.toFixed(1)} ms`);
  expect(slowest).toBeLessThan(5000);
});

test('an archive that would inflate without end is looked at within bounds', async () => {
  const bomb = real.zipFile([
    { name: '[Content_Types].xml', content: Buffer.alloc(2 ** 22), deflated: true },
  ]);
  expect(bomb.length).toBeLessThan(8192);
  const start = performance.now();
  expect(await typeOf(bomb)).toBe('application/zip');
  const gzipBomb = real.bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], deflateRawSync(Buffer.alloc(2 ** 22)));
  expect(await typeOf(gzipBomb)).toBe('application/gzip');
  expect(performance.now() - start).toBeLessThan(5000);
});

function mutate(file: Buffer, integer: (minimum: number, maximum: number) => number): Buffer {
  const content = Buffer.from(file.subarray(0, integer(0, Math.min(file.length, 4096))));
  for (let change = integer(0, 8); change > 0 && content.length > 0; change--) {
    content[integer(0, Math.min(content.length, 64) - 1)] = integer(0, 255);
  }
  return content;
}
