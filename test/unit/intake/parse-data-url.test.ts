import { AttachmentError } from '../../../src/errors.js';
import { decodeBase64 } from '../../../src/intake/decode-base64.js';
import { maxDataUrlHeader, parseDataUrl } from '../../../src/intake/from-text.js';

/** Content type and content, or code and kind of the fault. */
function parse(text: string): [string | null, string] {
  try {
    const { contentType, base64 } = parseDataUrl(text);
    return [contentType, Buffer.concat([...decodeBase64([base64])]).toString()];
  } catch (error) {
    if (!(error instanceof AttachmentError)) throw error;
    return [error.code, error.details[0]?.type ?? ''];
  }
}

const malformed = ['BAD_USER_INPUT', 'data_url_invalid'] as const;
const notBase64 = ['INVALID_BASE64', 'base64_missing'] as const;
const brokenBase64 = ['INVALID_BASE64', 'base64_invalid'] as const;

const examples: [string, readonly [string | null, string]][] = [
  ['data:text/plain;base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain;base64,SGVsbG8', ['text/plain', 'Hello']],
  ['data:text/plain;base64,', ['text/plain', '']],
  ['DATA:Image/SVG+XML;BASE64,SGVsbG8=', ['image/svg+xml', 'Hello']],
  ['data:text/plain;charset=utf-8;base64,SGVsbG8=', ['text/plain', 'Hello']],
  [
    'data:application/vnd.ms-excel;name=a%20(1).xls;x=;base64,SGVsbG8=',
    ['application/vnd.ms-excel', 'Hello'],
  ],
  ['data:text/plain;charset="utf-8";base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain;base64=no;base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain,Hello', notBase64],
  ['data:text/plain;charset=utf-8,Hello', notBase64],
  ['data:text/plain;base64;charset=utf-8,SGVsbG8=', notBase64],
  ['data:,Hello', notBase64],
  ['data:text/plain;base64,SGVsbG8%3D', brokenBase64],
  ['data:text/plain;base64,Hello, world', brokenBase64],
  ['data:text/plain;base64, SGVsbG8=', brokenBase64],
  ['data:;base64,SGVsbG8=', [null, 'Hello']],
  ['data: ; base64,SGVsbG8=', [null, 'Hello']],
  ['data:;charset=utf-8;base64,SGVsbG8=', [null, 'Hello']],
  ['data:text/plain; base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain ;  BASE64 ,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain; charset=utf-8; base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:image/png;name="a b; c.png";base64,SGVsbG8=', ['image/png', 'Hello']],
  ['data:image/png;name="a\\"b.png";base64,SGVsbG8=', ['image/png', 'Hello']],
  ['data:image/png;name="ü.png";base64,SGVsbG8=', ['image/png', 'Hello']],
  ['data:image/png;name=";base64";base64,SGVsbG8=', ['image/png', 'Hello']],
  ['data:image/png;name="a,b.png";base64,SGVsbG8=', notBase64],
  ['data:image/png;name=";base64",SGVsbG8=', notBase64],
  ['data:base64,SGVsbG8=', notBase64],
  ['data:text;base64,SGVsbG8=', malformed],
  ['data:text/;base64,SGVsbG8=', malformed],
  ['data:text/plain/x;base64,SGVsbG8=', malformed],
  ['data:text/pl ain;base64,SGVsbG8=', malformed],
  ['data:text/plain;charset;base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain;a=b c;base64,SGVsbG8=', ['text/plain', 'Hello']],
  ['data:text/plain;a=\tb;base64,SGVsbG8=', malformed],
  ['data:text/plain\n;base64,SGVsbG8=', malformed],
  ['data:text/plaín;base64,SGVsbG8=', malformed],
  ['data: text/plain;base64,SGVsbG8=', ['text/plain', 'Hello']],
  [' data:text/plain;base64,SGVsbG8=', malformed],
  ['date:text/plain;base64,SGVsbG8=', malformed],
  ['text/plain;base64,SGVsbG8=', malformed],
  ['data:text/plain;base64', malformed],
  ['data:', malformed],
  ['', malformed],
];

test.each(examples)('%s', (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test.each([
  [-1, ['text/plain', 'Hello']],
  [0, ['text/plain', 'Hello']],
  [1, malformed],
])('a header of the greatest length and %i', (more, expected) => {
  const ends = ['data:text/plain;x=', ';base64'];
  const header = ends.join('x'.repeat(maxDataUrlHeader + more - ends.join('').length));
  expect(header).toHaveLength(maxDataUrlHeader + more);
  expect(parse(`${header},SGVsbG8=`)).toEqual(expected);
});

test('a header without an end is looked at no further than a header may go', () => {
  expect(() => parseDataUrl('data:'.repeat(1_000_000), ['input'])).toThrow(
    expect.objectContaining({
      code: 'BAD_USER_INPUT',
      details: [expect.objectContaining({ loc: ['input'], type: 'data_url_invalid' })],
    }),
  );
});

test('a header that is made to be looked at for long is not', () => {
  const start = performance.now();
  for (const text of [
    `data:a/b${';a=b'.repeat(250)}`,
    `data:${'a/'.repeat(500)}`,
    `data:a/b;a=${'='.repeat(1000)}`,
  ])
    expect(parse(`${text},`)).toHaveLength(2);
  expect(performance.now() - start).toBeLessThan(500);
});
