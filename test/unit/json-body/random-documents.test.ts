import { findLongTexts } from '../../../src/graphql/json-body/find-long-texts.js';
import { type LongTextSource, readJsonBody } from '../../../src/graphql/json-body/read-json-body.js';
import { decodeBase64 } from '../../../src/intake/decode-base64.js';
import { report } from '../../support/report.js';
import { seededRandom } from '../../support/seeded-random.js';
import { cutRandomly, pieceSource, testLimits } from './piece-source.js';
import { RandomDocument } from './random-document.js';

type Path = readonly (string | number)[];

/** Replaces the value at `path` and returns the old one. */
function exchange(value: unknown, path: Path, replacement: unknown): unknown {
  const holder = path
    .slice(0, -1)
    .reduce((part, key) => (part as Record<string | number, unknown>)[key], value);
  const key = path.at(-1) ?? '';
  const former = (holder as Record<string | number, unknown>)[key];
  Object.defineProperty(holder, key, { value: replacement });
  return former;
}

async function decodeAll({ text }: LongTextSource): Promise<Buffer> {
  const decoded: Uint8Array[] = [];
  for await (const bytes of decodeBase64(text)) decoded.push(bytes);
  return Buffer.concat(decoded);
}

const handlers = { receive: decodeAll, discard: async () => {} };

/** Reads the document in pieces and compares it with what JSON.parse and Buffer.from make of it. */
async function compare(text: string, pieces: Iterable<Buffer>): Promise<number> {
  const expected = JSON.parse(text);
  const { body, taken, longTexts } = await readJsonBody<Buffer>(
    pieceSource(pieces),
    { ...testLimits, maxFiles: 1000 },
    handlers,
  );
  const found = findLongTexts(body, longTexts);
  for (const { path, token } of found) {
    const longText = longTexts.get(token);
    expect(longText?.path).toEqual(path);
    const content = Buffer.from(String(exchange(expected, path, null)), 'base64');
    expect(exchange(body, path, null)).toBe(token);
    expect(longText?.taken.equals(content)).toBe(true);
  }
  expect(body).toEqual(expected);
  expect(JSON.stringify(body)).toBe(JSON.stringify(expected));
  expect([...longTexts.values()].map((each) => each.taken)).toEqual(taken);
  return found.length;
}

test('random documents, in random pieces, are what JSON.parse and Buffer.from say', async () => {
  const random = seededRandom();
  const count = 2500;
  let written = 0;
  let found = 0;
  for (let round = 0; round < count; round += 1) {
    const document = new RandomDocument(random, testLimits.longTextThreshold);
    const text = document.request();
    const mean = round % 50 === 0 ? 1 : random.integer(2, 300);
    found += await compare(text, cutRandomly(random, Buffer.from(text), mean));
    written += document.longTexts;
  }
  report(`${count} documents with ${written} long strings (SEED=${random.seed})`);
  expect(written).toBeGreaterThan(count);
  // A key that comes twice leaves one value.
  expect(found).toBeGreaterThan(written * 0.95);
  expect(found).toBeLessThanOrEqual(written);
});

test('a document with every kind of escape may be cut anywhere', async () => {
  const long = 'QUJD'.repeat(20);
  const escaped = `\\u0051\\/${long}\\/\\u002b\\u002F\\u002b${long}\\u0041`;
  const text = `{"k\\"\\\\":"\\\\","variables":{"é\\"":["${escaped}",{"b":"\\\\\\"","c":"${long}\\/\\/\\/\\/QQ=="}]},"z":"😀"}`;
  const bytes = Buffer.from(text);
  for (let at = 1; at < bytes.length; at += 1) {
    for (const width of [1, 2, 5, bytes.length]) {
      const pieces = [bytes.subarray(0, at), bytes.subarray(at, at + width), bytes.subarray(at + width)];
      expect(
        await compare(
          text,
          pieces.filter(({ length }) => length > 0),
        ),
      ).toBe(2);
    }
  }
});
