import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { AttachmentError } from '../../../src/errors.js';
import { decodeBase64Text, linesOf, unfoldedLength } from '../../../src/intake/decode-base64.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';

const { seed } = seededRandom();

const decode = (text: string) => Buffer.concat([...decodeBase64Text(text, ['content'])]);
const broken = (base64: string, length: number, end: string) =>
  base64.replace(new RegExp(`.{${length}}(?=.)`, 'g'), (line) => `${line}${end}`);

/** The bytes, or the offset of the first fault. */
function decodeOrFault(text: string): Buffer | number {
  try {
    return decode(text);
  } catch (error) {
    if (!(error instanceof AttachmentError) || error.code !== 'INVALID_BASE64') throw error;
    return Number(error.details[0]?.loc.at(-1));
  }
}

test.each([
  ['CRLF, as MIME and Java', 76, '\r\n'],
  ['LF, as base64 and Python', 76, '\n'],
  ['64 characters, as PEM', 64, '\n'],
  ['60 characters, as Ruby', 60, '\n'],
  ['72 characters', 72, '\r\n'],
  ['75 characters, as calendars and cards', 75, '\r\n'],
  ['a group cut by each line end', 73, '\n'],
])('lines are taken: %s', (_what, length, end) => {
  for (const size of [1, 44, 45, 46, 56, 57, 58, 59, 113, 114, 115, 400_000]) {
    const bytes = randomBytes(size);
    for (const form of [bytes.toString('base64'), bytes.toString('base64url')]) {
      const text = broken(form, length, end);
      expect(decode(text).equals(bytes)).toBe(true);
      // A line end alone behind a text of one line is that of the tool that wrote it.
      if (text.includes(end) || form.length >= 4)
        expect(decode(`${text}${form.length > length ? end : ''}`).equals(bytes)).toBe(true);
      const lines = linesOf(text);
      if (lines) expect(unfoldedLength(text.length, lines)).toBe(form.length);
    }
  }
});

const line = 'A'.repeat(76);
test.each([
  ['a line end within a group', 'QU\nJD', 2],
  ['a line end before all', `\n${line}\n${line}`, 0],
  ['a blank line', `${line}\n\n${line}`, 77],
  ['two line ends behind all', `${line}\n${line}\n\n`, 153],
  ['a shorter line before another', `${line}\n${'A'.repeat(72)}\n${line}`, 149],
  ['a longer line', `${line}\n${line}A\n${line}`, 153],
  ['a longer last line', `${line}\n${line}${line}`, 153],
  ['lines of more than 76', `${'A'.repeat(80)}\n${'A'.repeat(80)}`, 80],
  ['a line end of another kind', `${line}\r\n${line}\n${line}`, 154],
  ['a carriage return alone', `${line}\r${line}`, 76],
  ['a space at a line', `${line} \n${line}`, 76],
  ['a space before a line', `${line}\n ${'A'.repeat(75)}`, 77],
  ['a tab', `${line}\n${'A'.repeat(40)}\t${'A'.repeat(35)}`, 117],
  ['padding within', `${'A'.repeat(74)}==\n${line}`, 77],
  ['half of the padding', `${line}\nAA=`, 80],
  ['one character over', `${line}\nA`, 78],
  ['both alphabets', `${'A'.repeat(75)}+\n${'A'.repeat(75)}_`, 152],
])('nothing else is: %s, told by its place', (_what, text, offset) => {
  expect(decodeOrFault(text)).toBe(offset);
});

test(`no changed text in lines is taken for other bytes (SEED=${seed})`, () => {
  let refused = 0;
  const runs = 2_000;
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 60, maxLength: 600 }),
      fc.constantFrom(['\n', 76] as const, ['\r\n', 64] as const, ['\n', 75] as const),
      fc.nat(),
      fc.constantFrom('', '\n', '\r\n', ' ', 'A', '=', '\r'),
      (bytes, [end, length], place, added) => {
        const text = broken(Buffer.from(bytes).toString('base64'), length, end);
        const at = place % text.length;
        const changed = text.slice(0, at) + added + text.slice(at + 1);
        const result = decodeOrFault(changed);
        if (typeof result === 'number') refused += 1;
        // Bytes that are not as many, or of other letters, come of a text that was changed so.
        else expect(result.equals(Buffer.from(changed.replaceAll(/[\r\n]/g, ''), 'base64'))).toBe(true);
      },
    ),
    { numRuns: runs, seed },
  );
  report(`${refused} of ${runs} changed texts were refused (SEED=${seed})`);
  expect(refused).toBeGreaterThan(runs / 2);
});
