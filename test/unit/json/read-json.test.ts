import { randomInt } from 'node:crypto';
import { assertPermitted, contentNeed, type Permission, type Viewer } from '../../../src/auth/viewer.js';
import { AttachmentError } from '../../../src/errors.js';
import { maxDepth, maxValues } from '../../../src/graphql/json-limits.js';
import { findLongTexts, longText } from '../../../src/graphql/long-texts.js';
import { maxJsonBody, maxRest, readJson } from '../../../src/graphql/read-json.js';
import { report } from '../../support/report.js';

const maxFiles = 3;
const writer: Viewer = {
  principal: { id: 'p', kind: 'SERVICE', name: null },
  organizationId: 'o',
  permissions: new Set<Permission>(['attachments:write']),
  keyId: null,
};
const long = 'x'.repeat(longText + 1);

/** Asked of whoever brings content, as by the route. */
const permit = (viewer: Viewer | null) => () => void assertPermitted(viewer, contentNeed);

const read = (text: string | Buffer) => readJson(Buffer.from(text), permit(writer), { maxFiles });

async function readBadly(text: string | Buffer): Promise<AttachmentError> {
  const fault = await read(text).catch((error: unknown) => error);
  if (!(fault instanceof AttachmentError)) throw new Error(`Read well: ${String(fault)}`);
  return fault;
}

const inVariables = (...texts: string[]) =>
  `{"variables":{${texts.map((text, index) => `"${index}":"${text}"`).join()}}}`;

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
    `{"variables":{"a":"${long.repeat(5)}\\q${long}"}}`,
    `{"variables":{"a":"${long.repeat(5)}\t${long}"}}`,
  ])('that is no JSON is refused: %.40j', async (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(await readBadly(text)).toMatchObject({
      code: 'BAD_USER_INPUT',
      details: [{ loc: ['body'], type: 'json_invalid' }],
    });
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
    for (const text of texts) expect(await read(text)).toEqual(JSON.parse(text));
    expect(await read('\ufeff{"a":1}')).toEqual({ a: 1 });
  });

  test('cannot reach a prototype', async () => {
    const body = await read(
      `{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}},"variables":{"__proto__":"${long}"}}`,
    );
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
    expect(Object.keys(body as object)).toEqual(['__proto__', 'constructor', 'variables']);
    expect('a' in {}).toBe(false);
    expect(findLongTexts(body)).toEqual([['variables', '__proto__']]);
  });

  test('has the last of two values under one key', async () => {
    expect(await read(`{"variables":{"a":"${long}","a":"x"}}`)).toEqual({ variables: { a: 'x' } });
  });

  test('is what JSON.parse says, wherever it is cut into turns', async () => {
    const piece = ['é', '€', '😀', 'A', '\\u00e9', '\\ud83d\\ude00', '\\/'];
    const texts = Array.from({ length: 5 }, () =>
      Array.from({ length: 300_000 }, () => piece[randomInt(piece.length)] ?? '').join(''),
    );
    for (const text of texts) {
      const body = inVariables(text);
      expect(await read(body)).toEqual(JSON.parse(body));
    }
  });

  test('keeps its numbers, or is refused beside a long text', async () => {
    const fault = await readBadly(`{"variables":{"a":"${long}","b":[1,12345678901234567890]}}`);
    expect(fault).toMatchObject({ details: [{ loc: ['b', 1], type: 'inexact_number' }] });
  });
});

describe('limits', () => {
  const limit = (code: string, bound: number, loc: unknown[], type: string) =>
    expect.objectContaining({ code, limit: bound, details: [expect.objectContaining({ loc, type })] });

  test.each([-1, 0, 1])('a long text: its threshold and %i', async (more) => {
    const text = inVariables('x'.repeat(longText + more));
    expect(findLongTexts(await read(text))).toEqual(more > 0 ? [['variables', '0']] : []);
  });

  test.each([
    [`{"query":"${long}"}`, ['query']],
    [`{"variables":{},"extensions":{"a":[null,"${long}"]}}`, ['extensions', 'a', 1]],
    [`[{"variables":{"a":"${long}"}}]`, [0, 'variables', 'a']],
    [`"${long}"`, []],
  ])('keep long texts among the variables: %.20s', async (text, loc) => {
    expect(await readBadly(text)).toEqual(limit('REQUEST_TOO_LARGE', longText, loc, 'too_large'));
  });

  test('let content alone be long', async () => {
    const variables = (member: string) => `{"variables":{"input":{"content":{"${member}":"${long}"}}}}`;
    for (const member of ['base64', 'dataUrl'])
      expect(findLongTexts(await read(variables(member)))).toHaveLength(1);
    const loc = ['input', 'content', 'description'];
    const refused = limit('REQUEST_TOO_LARGE', longText, loc, 'too_long');
    expect(await readBadly(variables('description'))).toEqual(refused);
  });

  test('let no key be long', async () => {
    for (const text of [
      `{"${long}":1}`,
      `{"variables":{"a":1,"${long}":1}}`,
      `{"variables":[{"${long}":1}]}`,
    ])
      expect(await readBadly(text)).toEqual(limit('BAD_USER_INPUT', longText, ['body'], 'key_too_long'));
  });

  test.each([-1, 0, 1])('the rest, and %i', async (more) => {
    const text = inVariables(long, 'y'.repeat(60), long).padEnd(maxRest + 2 * long.length + more);
    if (more <= 0) expect(Object.keys((await read(text)) as object)).toEqual(['variables']);
    else expect(await readBadly(text)).toEqual(limit('REQUEST_TOO_LARGE', maxRest, ['body'], 'too_large'));
  });

  test.each([-1, 0, 1])('the values, however they are arranged, and %i', async (more) => {
    const inner = maxValues - 2 + more;
    for (const variables of [
      `[${Array.from({ length: inner + 1 }, () => '1e1').join()}]`,
      `{${Array.from({ length: inner + 1 }, (_, index) => `",[{\\"${index}":1`).join()}}`,
      `[${'[],'.repeat(inner / 2)}${inner % 2 ? '1,1' : '1'}]`,
    ]) {
      const text = `{"variables":${variables}}`;
      if (more <= 0) expect(Object.keys((await read(text)) as object)).toEqual(['variables']);
      else
        expect(await readBadly(text)).toEqual(
          limit('REQUEST_TOO_LARGE', maxValues, ['body'], 'too_many_values'),
        );
    }
  });

  test.each([
    ['many values', `[${'1,'.repeat(8_000_000)}`],
    ['many short strings', `[${'"abc",'.repeat(2_000_000)}`],
  ])('tell %s before the text is parsed, which is no JSON', async (_, text) => {
    expect(await readBadly(text)).toEqual(limit('REQUEST_TOO_LARGE', maxValues, ['body'], 'too_many_values'));
  });

  test.each([
    ['backslashes', `{"variables":["${'\\'.repeat(8_000_000)}"`],
    ['quotes within a string', `{"variables":["${'\\"'.repeat(8_000_000)}`],
  ])('tell %s before the text is parsed, which is no JSON', async (_, text) => {
    expect(await readBadly(text)).toEqual(limit('REQUEST_TOO_LARGE', maxRest, ['body'], 'too_large'));
  });

  test.each([-1, 0, 1])('contents, and %i', async (more) => {
    const text = inVariables(...Array<string>(maxFiles + more).fill(long));
    if (more <= 0) expect(findLongTexts(await read(text))).toHaveLength(maxFiles + more);
    else expect(await readBadly(text)).toMatchObject({ code: 'TOO_MANY_FILES', limit: maxFiles });
  });

  test.each([-1, 0, 1])('depth, and %i', async (more) => {
    const depth = maxDepth + more;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nested = `${open.repeat(depth)}"[[[{"${close.repeat(depth)}`;
      if (more <= 0) expect(await read(nested)).toEqual(JSON.parse(nested));
      else
        expect(await readBadly(nested)).toEqual(limit('BAD_USER_INPUT', maxDepth, ['body'], 'json_too_deep'));
    }
  });

  test('a body has room for the largest content', () => {
    for (const size of [0, 1, 2, 3, 3000]) {
      const dataUrl = `data:${'x'.repeat(1000)};base64,${Buffer.alloc(size).toString('base64')}`;
      expect(maxJsonBody(size)).toBeGreaterThan(JSON.stringify({ variables: { dataUrl } }).length);
    }
  });
});

test('content needs the permission to write', async () => {
  const reading = (viewer: Viewer | null) =>
    readJson(Buffer.from(inVariables(long)), permit(viewer), { maxFiles });
  await expect(reading(null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  const reader = { ...writer, permissions: new Set<Permission>(['attachments:read']) };
  await expect(reading(reader)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(readJson(Buffer.from('{}'), permit(null), { maxFiles })).resolves.toEqual({});
});

/** Milliseconds that the process computes for, in the longest turn of the event loop; and how many turns there are. */
async function measureTurns(work: () => Promise<unknown>): Promise<{ longest: number; turns: number }> {
  let [longest, turns, isOver] = [0, 0, false];
  let before = process.cpuUsage();
  const endTurn = () => {
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1_000);
    turns += 1;
    before = process.cpuUsage();
  };
  const beat = () => {
    endTurn();
    if (!isOver) setImmediate(beat);
  };
  setImmediate(beat);
  await new Promise(setImmediate);
  await work();
  endTurn();
  isOver = true;
  return { longest, turns };
}

describe('a body at the limit is read in turns', () => {
  const size = maxJsonBody(16 * 1024 * 1024) - 1_000;
  const bodyOf = (text: string) => inVariables(text.repeat(size / text.length));
  const plain = bodyOf('Leave');

  test.each([
    ['plain base64', 'Leave'],
    ['digits that are nearly long numbers', '111111111111111A'],
    ['digits that are long numbers', '1'],
    ['escaped slashes', '\\/'],
    ['escaped letters', '\\u0041'],
    ['escaped backslashes', '\\\\A'],
  ])('%s', async (what, text) => {
    const body = Buffer.from(bodyOf(text));
    const started = process.cpuUsage();
    JSON.parse(plain);
    const { user, system } = process.cpuUsage(started);
    const parsing = (user + system) / 1_000;
    // Other programs lengthen a turn of one reading; our own work lengthens those of all.
    const readings: { longest: number; turns: number }[] = [];
    for (let reading = 0; reading < 3; reading += 1) readings.push(await measureTurns(() => read(body)));
    const longest = Math.min(...readings.map((reading) => reading.longest));
    const turns = Math.min(...readings.map((reading) => reading.turns));
    report(`${what}: longest turn ${longest.toFixed(0)} ms of ${turns}, JSON.parse ${parsing.toFixed(0)} ms`);
    expect(turns).toBeGreaterThan(20);
    expect(longest).toBeLessThan(5 * parsing);
  });
});

test('findLongTexts looks through everything that has members', () => {
  const value = {
    a: long,
    b: ['x', { c: long, d: null }, long],
    e: 1,
    f: new Date(0),
    g: Promise.resolve(long),
  };
  expect(findLongTexts(value)).toEqual([['a'], ['b', 1, 'c'], ['b', 2]]);
  expect(findLongTexts(long)).toEqual([[]]);
  expect(findLongTexts(Object.assign(Object.create(null), { a: long }))).toHaveLength(1);
});
