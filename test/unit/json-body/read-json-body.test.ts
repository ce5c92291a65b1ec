import { setTimeout as sleep } from 'node:timers/promises';
import { AttachmentError, type FaultDetail } from '../../../src/errors.js';
import { findLongTexts } from '../../../src/graphql/json-body/find-long-texts.js';
import { type JsonBodyLimits, maxJsonRequestSize } from '../../../src/graphql/json-body/json-body-limits.js';
import {
  type JsonBody,
  type LongTextSource,
  readJsonBody,
} from '../../../src/graphql/json-body/read-json-body.js';
import { pieceSource, testLimits } from './piece-source.js';

const long = 'QUJD'.repeat(50);
const threshold = testLimits.longTextThreshold;

interface Outcome extends JsonBody<string> {
  discarded: string[];
}

interface Failure {
  code: string;
  limit: number | undefined;
  details: readonly FaultDetail[];
  /** Texts taken in, and those of them that were discarded. */
  taken: string[];
  discarded: string[];
}

interface Reading {
  limits?: Partial<JsonBodyLimits>;
  headers?: Record<string, string>;
  /** Bytes in a piece. */
  pieceSize?: number;
  receive?: (source: LongTextSource) => Promise<string>;
}

async function readText({ text }: LongTextSource): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of text) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Buffer, reading: Reading = {}): Promise<Outcome | Failure> {
  const { limits, headers, pieceSize = 50, receive = readText } = reading;
  const taken: string[] = [];
  const discarded: string[] = [];
  const source = pieceSource(cut(Buffer.from(text), pieceSize), headers);
  const listeners = () => source.eventNames().reduce((sum, name) => sum + source.listenerCount(name), 0);
  const listenersBefore = listeners();
  try {
    const json = await readJsonBody<string>(
      source,
      { ...testLimits, ...limits },
      {
        receive: async (longText) => {
          const received = await receive(longText);
          taken.push(received);
          return received;
        },
        discard: async (received) => void discarded.push(received),
      },
    );
    return { ...json, discarded };
  } catch (error) {
    if (!(error instanceof AttachmentError)) throw error;
    return { code: error.code, limit: error.limit, details: error.details, taken, discarded };
  } finally {
    expect(listeners()).toBe(listenersBefore);
  }
}

async function readWell(text: string | Buffer, reading: Reading = {}): Promise<Outcome> {
  const outcome = await read(text, reading);
  if ('code' in outcome) throw new Error(JSON.stringify(outcome));
  return outcome;
}

async function readBadly(text: string | Buffer, reading: Reading = {}): Promise<Failure> {
  const outcome = await read(text, reading);
  if (!('code' in outcome)) throw new Error(`Read well: ${JSON.stringify(outcome.body)}`);
  expect(outcome.discarded).toEqual(outcome.taken);
  return outcome;
}

const inVariables = (...texts: string[]) =>
  `{"variables":{${texts.map((text, index) => `"${index}":"${text}"`)}}}`;

describe('a long text', () => {
  test('is handed on with its kind and place, and leaves a token that nobody can guess', async () => {
    const sources: LongTextSource[] = [];
    const text = `{"query":"q","variables":{"input":{"list":[1,{"base64":"${long}"}],"url":"Data\\u003aa/b;base64,${long}"}}}`;
    const readings = await Promise.all(
      [1, 7, 10_000].map((pieceSize) =>
        readWell(text, {
          pieceSize,
          receive: (source) => {
            sources.push(source);
            return readText(source);
          },
        }),
      ),
    );
    for (const { body, taken, longTexts } of readings) {
      const [first = '', second = ''] = [...longTexts.keys()];
      expect(body).toEqual({
        query: 'q',
        variables: { input: { list: [1, { base64: first }], url: second } },
      });
      expect(taken).toEqual([long, `Data:a/b;base64,${long}`]);
      expect(longTexts.get(first)).toEqual({
        kind: 'base64',
        path: ['variables', 'input', 'list', 1, 'base64'],
        taken: taken[0],
      });
      expect(longTexts.get(second)).toEqual({
        kind: 'dataUrl',
        path: ['variables', 'input', 'url'],
        taken: taken[1],
      });
    }
    const tokens = readings.flatMap(({ longTexts }) => [...longTexts.keys()]);
    expect(new Set(tokens).size).toBe(6);
    for (const token of tokens) expect(token).toMatch(/^[\w-]{32}$/);
    expect(sources).toHaveLength(6);
  });

  test.each([-1, 0, 1])('begins at the threshold and %i', async (more) => {
    for (const pieceSize of [1, threshold, 10_000]) {
      const { longTexts } = await readWell(inVariables('x'.repeat(threshold + more)), { pieceSize });
      expect(longTexts.size).toBe(more > 0 ? 1 : 0);
    }
  });

  test('is exact as far as it is ASCII, and stays beyond ASCII where it is not', async () => {
    const { taken } = await readWell(inVariables(`${long}\\n\\"\\\\ \u007f`), { pieceSize: 3 });
    expect(taken).toEqual([`${long}\n"\\ \u007f`]);
    for (const strange of ['é', '€', '😀', '\\u0141', '\\u00e9', '\\ud800', '\\ud83d\\ude00']) {
      const [text = ''] = (await readWell(inVariables(`${long}${strange}!`), { pieceSize: 3 })).taken;
      expect(text.slice(0, long.length + 1)).not.toBe(`${long}A`);
      expect(text.slice(long.length)).toMatch(/^[^\0-\x7f]+!$/);
    }
  });

  test('is taken in before the next one is begun', async () => {
    let underWay = 0;
    const { taken } = await readWell(inVariables(long, `${long}AAAA`, long), {
      pieceSize: 10_000,
      receive: async (source) => {
        underWay += 1;
        expect(underWay).toBe(1);
        const text = await readText(source);
        await sleep(5);
        underWay -= 1;
        return text;
      },
    });
    expect(taken).toEqual([long, `${long}AAAA`, long]);
  });

  test('with a key that comes twice is taken in, and stands nowhere', async () => {
    const { body, taken, longTexts } = await readWell(`{"variables":{"a":"${long}","a":"x"}}`);
    expect(body).toEqual({ variables: { a: 'x' } });
    expect(taken).toEqual([long]);
    expect(findLongTexts(body, longTexts)).toEqual([]);
  });

  test.each([
    [`{"query":"${long}"}`, ['query']],
    [`{"variables":{},"extensions":{"a":[null,"${long}"]}}`, ['extensions', 'a', 1]],
    [`[{"variables":{"a":"${long}"}}]`, [0, 'variables', 'a']],
    [`"${long}"`, []],
  ])('stands among the variables alone: %.20s', async (text, loc) => {
    expect(await readBadly(text)).toMatchObject({
      code: 'REQUEST_TOO_LARGE',
      limit: threshold,
      details: [{ loc, type: 'too_large' }],
      taken: [],
    });
  });

  test('is no key', async () => {
    for (const text of [`{"${long}":1}`, `{"variables":{"a":1,"${long}":1}}`, `{"variables":[{"${long}`]) {
      expect(await readBadly(text)).toMatchObject({
        code: 'BAD_USER_INPUT',
        limit: threshold,
        details: [{ loc: ['body'], type: 'key_too_long' }],
        taken: [],
      });
    }
  });

  test('that cannot be taken in fails the request', async () => {
    let calls = 0;
    const receive = async (source: LongTextSource) => {
      calls += 1;
      if (calls === 2) throw new AttachmentError('FILE_TOO_LARGE', { limit: 5 });
      return readText(source);
    };
    expect(await readBadly(inVariables(long, long, long), { receive })).toMatchObject({
      code: 'FILE_TOO_LARGE',
      limit: 5,
      taken: [long],
    });
    expect(calls).toBe(2);
  });

  test('must be read to its end', async () => {
    const text = inVariables(long);
    await expect(read(text, { receive: async () => 'unread' })).rejects.toThrow(
      'without being read to its end',
    );
    const readOnce = async ({ text: pieces }: LongTextSource) => {
      for await (const piece of pieces) return String(piece);
      return '';
    };
    await expect(read(text, { receive: readOnce })).rejects.toThrow('without being read to its end');
  });
});

describe('a body', () => {
  test.each([
    '',
    ' ',
    '{',
    '{"a":1}}',
    '{"a" 1}',
    "{'a':1}",
    '{"a":1,}',
    'undefined',
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":"',
    '{"a":"b\\',
    `{"variables":{"a":"${long}`,
    `{"variables":{"a":"${long}\\"}}`,
    `{"variables":{"a":"${long}\\u00"}}`,
    `{"variables":{"a":"${long}\\q"}}`,
    `{"variables":{"a":"${long}\n"}}`,
    `{"variables":{"a":"${long}"}`,
    `{"variables":{"a":"${long}" "b":1}}`,
    `{"variables":{"\\q":"${long}"}}`,
  ])('that is no JSON is refused: %j', async (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    for (const pieceSize of [1, 10_000]) {
      const failure = await readBadly(text, { pieceSize });
      expect(failure).toMatchObject({
        code: 'BAD_USER_INPUT',
        details: [{ loc: ['body'], type: 'json_invalid' }],
      });
    }
  });

  test('that is no UTF-8 is refused', async () => {
    const broken = Buffer.from('{"a":"é"}').fill(0x22, 7, 8);
    for (const bytes of [broken, Buffer.from('{"a":"é"}', 'latin1'), Buffer.from('{"a":"é"}', 'utf16le')])
      expect(await readBadly(bytes)).toMatchObject({
        code: 'BAD_USER_INPUT',
        details: [{ type: 'json_invalid' }],
      });
  });

  test('may be any JSON, batches and byte order marks included', async () => {
    const texts = ['null', '1', '"a"', '[]', '[{"query":"{ a }"},{}]', ' {"a":[{},[[]],"]"]}\n'];
    for (const text of texts) expect((await readWell(text)).body).toEqual(JSON.parse(text));
    expect((await readWell('\ufeff{"a":1}')).body).toEqual({ a: 1 });
  });

  test('cannot reach a prototype', async () => {
    const text = `{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}},"variables":{"__proto__":{"a":"${long}"}}}`;
    const { body, longTexts } = await readWell(text);
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
    expect(Object.keys(body as object)).toEqual(['__proto__', 'constructor', 'variables']);
    expect('a' in {}).toBe(false);
    expect(findLongTexts(body, longTexts).map(({ path }) => path)).toEqual([['variables', '__proto__', 'a']]);
  });

  test('in many pieces costs no more memory than it has bytes', async () => {
    const pieces = function* () {
      yield Buffer.from('"');
      for (let count = 0; count < 200_000; count += 1) yield Buffer.from('x');
      yield Buffer.from('"');
    };
    const before = process.memoryUsage().arrayBuffers;
    const limits = { ...testLimits, longTextThreshold: 1_000_000 };
    const { body } = await readJsonBody(pieceSource(pieces()), limits, {
      receive: readText,
      discard: async () => {},
    });
    expect(body).toHaveLength(200_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });
});

describe('limits', () => {
  const text = `{"variables":{"a":"${long}","b":"${'y'.repeat(60)}","c":"${long}"}}`;
  const shortSize = text.length - 2 * long.length;

  test.each([-1, 0, 1])('hold for the whole body, and %i bytes', async (more) => {
    const limits = { maxRequestSize: text.length - more };
    const refusal = {
      code: 'REQUEST_TOO_LARGE',
      limit: limits.maxRequestSize,
      details: [{ type: 'too_large' }],
    };
    const declared = { limits, headers: { 'content-length': String(text.length) } };
    if (more <= 0) {
      await readWell(text, { limits });
      await readWell(text, declared);
    } else {
      expect(await readBadly(text, { limits, pieceSize: 3 })).toMatchObject({
        ...refusal,
        taken: [long, long],
      });
      expect(await readBadly(text, declared)).toMatchObject({ ...refusal, taken: [] });
    }
  });

  test.each([-1, 0, 1])('hold for all but long texts, and %i bytes', async (more) => {
    const limits = { maxShortSize: shortSize - more };
    for (const pieceSize of [1, 30, 10_000]) {
      if (more <= 0) await readWell(text, { limits, pieceSize });
      else
        expect(await readBadly(text, { limits, pieceSize })).toMatchObject({
          code: 'REQUEST_TOO_LARGE',
          limit: limits.maxShortSize,
          taken: [long, long],
        });
    }
  });

  test('hold for all but long texts long before the end of the body', async () => {
    const endless = `[${'"abc",'.repeat(1000)}`;
    expect(await readBadly(endless, { limits: { maxShortSize: 1000 } })).toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    });
    const openString = `{"variables":["${long}","${'y'.repeat(50)}`;
    expect(await readBadly(openString, { limits: { maxShortSize: 10 } })).toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    });
  });

  test.each([-1, 0, 1])('hold for the number of long texts, and %i', async (more) => {
    const limits = { maxFiles: 3 };
    const texts = inVariables(...Array(3 + more).fill(long));
    if (more <= 0) expect((await readWell(texts, { limits })).taken).toHaveLength(3 + more);
    else
      expect(await readBadly(texts, { limits })).toMatchObject({
        code: 'TOO_MANY_FILES',
        limit: 3,
        taken: [long, long, long],
      });
  });

  test.each([-1, 0, 1])('hold for the depth, and %i', async (more) => {
    const depth = testLimits.maxDepth + more;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = `${open.repeat(depth)}"[[[{"${close.repeat(depth)}`;
      if (more <= 0) expect((await readWell(nested)).body).toEqual(JSON.parse(nested));
      else
        expect(await readBadly(nested)).toMatchObject({
          code: 'BAD_USER_INPUT',
          limit: testLimits.maxDepth,
          details: [{ type: 'json_too_deep' }],
        });
    }
  });

  test('have room for contents at their most verbose', () => {
    const slashes = Buffer.alloc(3000, 255).toString('base64').replaceAll('/', '\\/');
    const content = `{"input":{"content":{"dataUrl":"data:${'x'.repeat(1000)};base64,${slashes}"}}}`;
    expect(maxJsonRequestSize(2, 3000)).toBeGreaterThan(2 * content.length);
    expect(maxJsonRequestSize(1, 0)).toBeGreaterThan(testLimits.maxShortSize);
  });
});

describe('findLongTexts', () => {
  const tokens = new Map([
    ['t1', 1],
    ['t2', 2],
  ]);

  test('finds tokens wherever they are, and nothing else', () => {
    const value = {
      a: 't1',
      b: ['x', { c: 't2', d: null, t1: 'no' }, 't1'],
      e: 1,
      f: new Date(0),
      g: Promise.resolve('t1'),
    };
    expect(findLongTexts(value, tokens)).toEqual([
      { path: ['a'], token: 't1' },
      { path: ['b', 1, 'c'], token: 't2' },
      { path: ['b', 2], token: 't1' },
    ]);
    expect(findLongTexts('t2', tokens)).toEqual([{ path: [], token: 't2' }]);
    expect(findLongTexts(Object.assign(Object.create(null), { a: 't1' }), tokens)).toHaveLength(1);
  });

  test('does not look where there are none', () => {
    const untouchable = {
      get a() {
        throw new Error('looked at');
      },
    };
    expect(findLongTexts(untouchable, new Map())).toEqual([]);
  });
});
