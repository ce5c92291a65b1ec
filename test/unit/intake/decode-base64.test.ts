import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { AttachmentError } from '../../../src/errors.js';
import { assertDecodedSize, decodeBase64, decodedSize } from '../../../src/intake/decode-base64.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';

const { seed } = seededRandom();
const runs = { numRuns: 10_000, seed };

const forms = {
  padded: (bytes: Buffer) => bytes.toString('base64'),
  unpadded: (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, ''),
  urlSafe: (bytes: Buffer) => bytes.toString('base64url'),
  paddedUrlSafe: (bytes: Buffer) => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
} as const;
const anyForm = fc.constantFrom(...Object.values(forms));
const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyPieceSizes = fc.array(fc.nat({ max: 20 }), { maxLength: 12 });

/** `bytes` in pieces of these sizes, and the rest in one. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

async function decode(pieces: readonly (Uint8Array | string)[]): Promise<Buffer> {
  const decoded: Uint8Array[] = [];
  for await (const bytes of decodeBase64(pieces)) decoded.push(bytes);
  return Buffer.concat(decoded);
}

/** The offset of the first fault, or the bytes. */
async function decodeOrFault(pieces: readonly (Uint8Array | string)[]): Promise<number | Buffer> {
  try {
    return await decode(pieces);
  } catch (error) {
    if (!(error instanceof AttachmentError) || error.code !== 'INVALID_BASE64') throw error;
    return Number(error.details[0]?.loc.at(-1));
  }
}

const [standard, urlSafe] = ['[A-Za-z0-9+/]', '[A-Za-z0-9_-]'].map((one) => ({
  whole: new RegExp(`^(?:${one}{4})*(?:${one}{2}(?:==)?|${one}{3}=?)?$`),
  beginning: new RegExp(`^(?:${one}*|(?:${one}{4})*(?:${one}{2}={0,2}|${one}{3}=?))$`),
})) as [Grammar, Grammar];

interface Grammar {
  whole: RegExp;
  beginning: RegExp;
}

/** Slow and plain: the offset of the first character that no valid text has there; null where `text` is valid. */
function firstFault(text: string): number | null {
  if (standard.whole.test(text) || urlSafe.whole.test(text)) return null;
  for (let length = 1; length <= text.length; length += 1) {
    const beginning = text.slice(0, length);
    if (!standard.beginning.test(beginning) && !urlSafe.beginning.test(beginning)) return length - 1;
  }
  return text.length;
}

const strangeCharacter = fc.constantFrom(...Array.from('=+-/_AaZz09 \n\r\t\0.,:%"\\*~\u007fé€Ł😀'));
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat({ max: 2 }),
  added: fc.array(strangeCharacter, { maxLength: 2 }).map((characters) => characters.join('')),
});
const mutatedText = fc
  .tuple(anyForm, anyBytes, fc.array(edit, { minLength: 1, maxLength: 3 }))
  .map(([form, bytes, edits]) =>
    edits.reduce((text, { at, removed, added }) => {
      const start = Math.round(at * text.length);
      return text.slice(0, start) + added + text.slice(start + removed);
    }, form(bytes)),
  );

describe(`decodeBase64 (SEED=${seed})`, () => {
  test('gives back any bytes, in each form, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(anyForm, anyBytes, anyPieceSizes, async (form, bytes, sizes) => {
        const text = form(bytes);
        const decoded = await decode([...cut(Buffer.from(text), sizes)]);
        expect(decoded.equals(bytes)).toBe(true);
        expect(decoded.equals(Buffer.from(text, 'base64'))).toBe(true);
        if (!/[-_]/.test(text)) expect(decoded.toString('latin1')).toBe(atob(text));
      }),
      runs,
    );
  });

  test('refuses every mutant that is not valid, at the right place, and decodes the others', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutatedText, anyPieceSizes, async (text, sizes) => {
        const fault = firstFault(text);
        const result = await decodeOrFault([...cut(Buffer.from(text), sizes)]);
        if (fault === null) expect(result).toEqual(Buffer.from(text, 'base64'));
        else expect({ text, fault: result }).toEqual({ text, fault });
        refused += fault === null ? 0 : 1;
      }),
      runs,
    );
    report(`${refused} of ${runs.numRuns} mutants were refused (SEED=${seed})`);
    expect(refused).toBeGreaterThan(runs.numRuns / 2);
    expect(refused).toBeLessThan(runs.numRuns);
  });

  test('knows every byte at every place', async () => {
    for (let place = 0; place < 9; place += 1) {
      for (let byte = 0; byte < 256; byte += 1) {
        const text = Buffer.from('QUJDREVGR');
        text[place] = byte;
        const isValid = firstFault(text.toString('latin1')) === null;
        const expected = isValid
          ? Buffer.from(text.toString('latin1'), 'base64')
          : firstFault(text.toString('latin1'));
        expect({ place, byte, result: await decodeOrFault([text]) }).toEqual({
          place,
          byte,
          result: expected,
        });
      }
    }
  });

  test.each([
    ['', null],
    ['QQ', null],
    ['QQ==', null],
    ['QR==', null],
    ['QUI', null],
    ['QUI=', null],
    ['Q', 1],
    ['=', 0],
    ['====', 0],
    ['Q===', 1],
    ['QQ=', 3],
    ['QQ===', 4],
    ['QQ==QQ==', 4],
    ['QUJD=', 4],
    ['QUJD====', 4],
    ['QQ=Q', 3],
    ['+/-_', 2],
    ['_-/+', 2],
    ['QUJD\n', 4],
    ['QU JD', 2],
    ['%51UJD', 0],
    ['ŁŁŁŁ', 0],
  ])('%j has its fault at %p', async (text, fault) => {
    expect(firstFault(text)).toBe(fault);
    const expected = fault ?? Buffer.from(text, 'base64');
    expect(await decodeOrFault([text])).toEqual(expected);
    expect(await decodeOrFault(Array.from(text))).toEqual(expected);
  });

  test('says what is wrong, and where in the input', async () => {
    const failing = decodeBase64(['QUJD', 'RE!='], ['input', 'content', 'base64']);
    const reading = (async () => {
      for await (const bytes of failing) expect(String(bytes)).toBe('ABC');
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'INVALID_BASE64',
      status: 400,
      details: [{ loc: ['input', 'content', 'base64', 6], type: 'base64_invalid' }],
    });
  });

  test('passes on what its text fails with, and lets go of a text that it gives up', () => {
    let isReleased = false;
    function* text() {
      try {
        yield 'QUJD';
        yield '!';
        yield 'QUJD';
      } finally {
        isReleased = true;
      }
    }
    function* failing() {
      yield 'QUJD';
      throw new Error('gone');
    }
    expect(() => Array.from(decodeBase64(text()))).toThrow(
      expect.objectContaining({ code: 'INVALID_BASE64' }),
    );
    expect(isReleased).toBe(true);
    expect(() => Array.from(decodeBase64(failing()))).toThrow('gone');
  });

  test('takes no longer than reading and writing would', async () => {
    const piece = Buffer.from(randomBytes(48 * 1024).toString('base64'));
    const pieces = Array.from({ length: 1600 }, () => piece);
    const start = performance.now();
    let size = 0;
    for await (const bytes of decodeBase64(pieces)) size += bytes.length;
    const seconds = (performance.now() - start) / 1000;
    expect(size).toBe(1600 * 48 * 1024);
    report(`decoded ${Math.round((1600 * piece.length) / 1e6 / seconds)} MB of text a second`);
  });
});

describe('decodedSize', () => {
  test('bounds what a text of a length can stand for, before a look at it', () => {
    for (let size = 0; size < 300; size += 1) {
      const bytes = Buffer.alloc(size);
      for (const form of Object.values(forms)) {
        const { min, max } = decodedSize(form(bytes).length);
        expect(min).toBeLessThanOrEqual(size);
        expect(max).toBeGreaterThanOrEqual(size);
        expect(max - min).toBeLessThanOrEqual(2);
      }
    }
    expect(decodedSize(3)).toEqual({ min: 2, max: 2 });
    expect(decodedSize(4)).toEqual({ min: 1, max: 3 });
  });

  test.each([
    [1023, true],
    [1024, true],
    [1025, false],
  ])('a text for %i bytes passes a limit of 1024: %p', (size, passes) => {
    const check = () => assertDecodedSize(Buffer.alloc(size).toString('base64url').length, 1024);
    if (passes) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'FILE_TOO_LARGE', limit: 1024 }));
  });
});
