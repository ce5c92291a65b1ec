import { AttachmentError } from '../../../src/errors.js';
import { maxDataUrlHeader, parseDataUrl } from '../../../src/intake/parse-data-url.js';

/** Content type and content, or code and kind of the fault. */
async function parse(pieces: readonly (string | Uint8Array)[]): Promise<[string, string]> {
  try {
    const { contentType, content } = await parseDataUrl(pieces);
    const bytes: Uint8Array[] = [];
    for await (const piece of content) bytes.push(piece);
    return [contentType, Buffer.concat(bytes).toString()];
  } catch (error) {
    if (!(error instanceof AttachmentError)) throw error;
    return [error.code, error.details[0]?.type ?? ''];
  }
}

const malformed = ['BAD_USER_INPUT', 'data_url_invalid'] as const;
const notBase64 = ['INVALID_BASE64', 'base64_missing'] as const;
const brokenBase64 = ['INVALID_BASE64', 'base64_invalid'] as const;

const examples: [string, readonly [string, string]][] = [
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
  ['data:;base64,SGVsbG8=', malformed],
  ['data:text;base64,SGVsbG8=', malformed],
  ['data:text/;base64,SGVsbG8=', malformed],
  ['data:text/plain/x;base64,SGVsbG8=', malformed],
  ['data:text/pl ain;base64,SGVsbG8=', malformed],
  ['data:text/plain;charset;base64,SGVsbG8=', malformed],
  ['data:text/plain;a=b c;base64,SGVsbG8=', malformed],
  ['data:text/plain\n;base64,SGVsbG8=', malformed],
  ['data:text/plaín;base64,SGVsbG8=', malformed],
  ['data: text/plain;base64,SGVsbG8=', malformed],
  [' data:text/plain;base64,SGVsbG8=', malformed],
  ['date:text/plain;base64,SGVsbG8=', malformed],
  ['text/plain;base64,SGVsbG8=', malformed],
  ['data:text/plain;base64', malformed],
  ['data:', malformed],
  ['', malformed],
];

test.each(examples)('%s', async (text, expected) => {
  expect(await parse([text])).toEqual(expected);
  expect(await parse([...Buffer.from(text)].map((byte) => Buffer.of(byte)))).toEqual(expected);
});

test.each([
  [-1, ['text/plain', 'Hello']],
  [0, ['text/plain', 'Hello']],
  [1, malformed],
])('a header of the greatest length and %i', async (more, expected) => {
  const ends = ['data:text/plain;x=', ';base64'];
  const header = ends.join('x'.repeat(maxDataUrlHeader + more - ends.join('').length));
  expect(header).toHaveLength(maxDataUrlHeader + more);
  expect(await parse([`${header},SGVsbG8=`])).toEqual(expected);
});

test('an endless header is given up', async () => {
  let piecesRead = 0;
  let isReleased = false;
  async function* endless() {
    try {
      for (; ; piecesRead += 1) yield 'data:'.repeat(20);
    } finally {
      isReleased = true;
    }
  }
  await expect(parseDataUrl(endless(), ['input'])).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    details: [{ loc: ['input'], type: 'data_url_invalid' }],
  });
  expect(piecesRead).toBeLessThan(15);
  expect(isReleased).toBe(true);
});

test('a header that is made to be looked at for long is not', async () => {
  const start = performance.now();
  for (const text of [
    `data:a/b${';a=b'.repeat(250)}`,
    `data:${'a/'.repeat(500)}`,
    `data:a/b;a=${'='.repeat(1000)}`,
  ])
    await expect(parse([`${text},`])).resolves.toHaveLength(2);
  expect(performance.now() - start).toBeLessThan(500);
});
