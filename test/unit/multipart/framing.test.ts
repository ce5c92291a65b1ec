import { AttachmentError } from '../../../src/errors.js';
import { DelimiterScan, readBoundary } from '../../../src/graphql/multipart/multipart-syntax.js';
import { formBody } from '../../support/raw-http.js';

describe('DelimiterScan', () => {
  const parts = [
    { name: 'operations', content: '{}' },
    { name: '0', content: 'a\r\n--\r\n--boundar\r\r\n-\r\n' },
    { name: '1', content: '' },
  ];
  const body = formBody(parts, 'boundary');

  const formLength = body.length - 2;

  function scan(bytes: Buffer, cuts: number[], boundary = 'boundary') {
    const delimiters = new DelimiterScan(boundary);
    const ends = [...cuts, bytes.length];
    const passed = ends.map((end, index) => delimiters.push(bytes.subarray(ends[index - 1] ?? 0, end)));
    const form = passed.includes(null)
      ? null
      : Buffer.concat(passed.filter((piece) => piece !== null)).length;
    return { form, partCount: delimiters.partCount, closed: delimiters.closed };
  }

  test('counts the parts, wherever the body is cut into chunks', () => {
    for (let first = 0; first <= body.length; first++) {
      for (const second of [first, first + 1, first + 2, first + 9]) {
        const cuts = [first, Math.min(second, body.length)];
        expect(scan(body, cuts)).toEqual({ form: formLength, partCount: 3, closed: true });
      }
    }
  });

  test('counts the parts byte by byte, and with a boundary of one character', () => {
    const everywhere = Array.from(body.keys());
    expect(scan(body, everywhere)).toEqual({ form: formLength, partCount: 3, closed: true });
    expect(scan(formBody(parts, '?'), [], '?')).toMatchObject({ partCount: 3, closed: true });
  });

  test('is not closed without the closing delimiter', () => {
    expect(scan(body.subarray(0, -4), [])).toEqual({ form: body.length - 4, partCount: 3, closed: false });
  });

  test.each(['x', ' \r\n', '-\r\n', '\n', '\r\r\n'])('refuses a delimiter followed by %j', (suffix) => {
    const bytes = Buffer.from(`--boundary\r\n\r\ncontent\r\n--boundary${suffix}more`);
    for (let cut = 0; cut <= bytes.length; cut++) expect(scan(bytes, [cut]).form).toBeNull();
  });

  test('does not care what follows the closing delimiter', () => {
    const bytes = Buffer.concat([body, Buffer.from('\r\n--boundaryx\r\n--boundary\r\n')]);
    expect(scan(bytes, [])).toEqual({ form: formLength, partCount: 3, closed: true });
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
