import { AttachmentError } from '../../../src/errors.js';
import { readBoundary } from '../../../src/graphql/multipart/multipart-syntax.js';
import { PartScan } from '../../../src/graphql/multipart/part-scan.js';
import { readPartHead } from '../../../src/graphql/multipart/read-part.js';
import { formBody } from '../../support/raw-http.js';

/** All that a scan tells of a body that comes in these pieces. */
function scan(bytes: Buffer, cuts: readonly number[], boundary = 'boundary') {
  const parts: { head: string; at: number; content: string; isWhole: boolean }[] = [];
  const faults: string[] = [];
  const last = () => parts.at(-1) ?? fail('No part has been opened.');
  const scanned = new PartScan(boundary, {
    onHead: (head, at) => parts.push({ head: head.toString(), at, content: '', isWhole: false }),
    onContent: (piece) => (last().content += piece.toString()),
    onEnd: () => (last().isWhole = true),
    onFault: (fault) => faults.push(fault),
  });
  const ends = [...cuts, bytes.length];
  for (const [index, end] of ends.entries()) scanned.push(bytes.subarray(ends[index - 1] ?? 0, end));
  return { parts, faults, isClosed: scanned.isClosed };
}

function fail(message: string): never {
  throw new Error(message);
}

describe('PartScan', () => {
  const contents = ['{}', 'a\r\n--\r\n--boundar\r\r\n-\r\n', '', '\r\n\r\n', 'long '.repeat(40)];
  const parts = contents.map((content, index) => ({ name: `${index}`, content }));
  const body = formBody(parts, 'boundary');
  const whole = {
    parts: contents.map((content, index) => {
      const head = `Content-Disposition: form-data; name="${index}"`;
      return { head, at: body.indexOf(head) + head.length + 4, content, isWhole: true };
    }),
    faults: [],
    isClosed: true,
  };

  test('finds the parts, wherever the body is cut into chunks', () => {
    for (let first = 0; first <= body.length; first++) {
      for (const second of [first, first + 1, first + 2, first + 9, first + 40])
        expect(scan(body, [first, Math.min(second, body.length)])).toEqual(whole);
    }
  });

  test('finds the parts byte by byte, and with a boundary of one character', () => {
    expect(scan(body, Array.from(body.keys()))).toEqual(whole);
    const short = scan(formBody(parts, '?'), [], '?');
    expect(short.parts.map(({ content }) => content)).toEqual(contents);
  });

  test('is not closed without the closing delimiter', () => {
    expect(scan(body.subarray(0, -4), [])).toMatchObject({ faults: [], isClosed: false });
  });

  test.each(['x', ' \r\n', '-\r\n', '\n', '\r\r\n'])('refuses a delimiter followed by %j', (suffix) => {
    const bytes = Buffer.from(`--boundary\r\nA: b\r\n\r\ncontent\r\n--boundary${suffix}more`);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(scan(bytes, [cut])).toMatchObject({
        parts: [{ content: 'content', isWhole: false }],
        faults: ['boundary'],
        isClosed: false,
      });
  });

  test.each([
    ['end in the next delimiter', '--boundary\r\nA: b\r\n--boundary\r\n\r\n'],
    ['end in the closing delimiter', '--boundary\r\n--boundary--\r\n'],
    ['have no end', `--boundary\r\nA: ${'b'.repeat(16_400)}`],
  ])('refuses headers that %s', (_what, text) => {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut += text.length > 1_000 ? 97 : 1)
      expect(scan(bytes, [cut])).toEqual({ parts: [], faults: ['part_headers'], isClosed: false });
  });

  test('takes headers of 16 KiB, and an empty one', () => {
    const head = `A: ${'b'.repeat(16 * 1024 - 7)}`;
    for (const text of [head, '']) {
      const found = scan(Buffer.from(`--boundary\r\n${text}\r\n\r\nx\r\n--boundary--`), []);
      expect(found.parts).toMatchObject([{ head: text, content: text === '' ? '\r\nx' : 'x' }]);
    }
  });

  test('does not care what comes before the first delimiter, and behind the closing one', () => {
    const around = Buffer.concat([Buffer.from('--boundar\r\n'), body, Buffer.from('\r\n--boundaryx\r\n')]);
    for (let cut = 0; cut <= 20; cut++) {
      const found = scan(around, [cut]);
      expect(found.parts.map(({ content }) => content)).toEqual(contents);
      expect(found).toMatchObject({ faults: [], isClosed: true });
    }
  });
});

describe('the headers of a part', () => {
  const disposition = 'Content-Disposition: form-data; name="0"; filename="a"';
  const marks = '\\"'.repeat(8_000);

  test.each([
    ['and a fold behind a backslash', `; x="${marks}\\\r\n "`],
    ['in a language', `; x*=utf-8'${marks}'a`],
    ['in a language, beside an extended name', `; x*=utf-8'${marks}'a; filename*=utf-8''b`],
  ])('are read in less than 10 ms, also with 8,000 quotation marks %s', (_what, parameters) => {
    const head = Buffer.from(`${disposition}${parameters}`);
    const before = process.cpuUsage();
    for (let times = 0; times < 10; times += 1)
      expect(readPartHead('boundary', head)).toMatchObject({ kind: 'file', name: '0' });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(100);
  });
});

describe('readBoundary', () => {
  test.each([
    ['multipart/form-data; boundary=x', 'x'],
    ['Multipart/Form-Data; BOUNDARY=Abc', 'Abc'],
    ['multipart/form-data; charset=utf-8; boundary="a b"', 'a b'],
    [`multipart/form-data; boundary=${'x'.repeat(70)}`, 'x'.repeat(70)],
    ['multipart/form-data;boundary="\'()+_,-./:=?"', "'()+_,-./:=?"],
  ])('reads %s', (header, boundary) => {
    expect(readBoundary(header)).toBe(boundary);
  });

  test.each([
    undefined,
    '',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary="a "',
    'multipart/form-data; boundary="é"',
    'multipart/form-data; boundary="a\\"b"',
    `multipart/form-data; boundary=${'x'.repeat(71)}`,
    'multipart/mixed; boundary=x',
    'application/json; boundary=x',
    'boundary=x',
  ])('refuses %s', (header) => {
    expect(() => readBoundary(header)).toThrow(AttachmentError);
  });
});
