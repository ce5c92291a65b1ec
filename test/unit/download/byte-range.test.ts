import fc from 'fast-check';
import { readByteRange } from '../../../src/http/open-body.js';

describe('readByteRange of 10 bytes', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=9-9', { start: 9, end: 9 }],
    ['bytes=3-', { start: 3, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-10', { start: 0, end: 9 }],
    ['bytes=-11', { start: 0, end: 9 }],
    ['bytes=5-99', { start: 5, end: 9 }],
    ['Bytes=1-2', { start: 1, end: 2 }],
    ['bytes= 1-2 ', { start: 1, end: 2 }],
    [`bytes=1-${'9'.repeat(400)}`, { start: 1, end: 9 }],
    [`bytes=-${'9'.repeat(400)}`, { start: 0, end: 9 }],
  ])('takes %j', (header, range) => {
    expect(readByteRange(header, 10)).toEqual(range);
  });

  it.each(['bytes=10-', 'bytes=10-10', 'bytes=10-12', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])(
    'cannot satisfy %j',
    (header) => {
      expect(readByteRange(header, 10)).toBe('UNSATISFIABLE');
    },
  );

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=1.0-2',
    'bytes=--1',
    'bytes=+1-2',
    'bytes=1-2-3',
    'bytes 1-2',
    'bytes =1-2',
    'items=1-2',
    'bytes=0-0,2-2',
    'bytes=0-0,',
    `bytes=${'0-,'.repeat(1000)}0-`,
    'bytes=0-0, bytes=1-1',
    'bytes=٣-٤',
  ])('ignores %j', (header) => {
    expect(readByteRange(header, 10)).toBeNull();
  });
});

describe('readByteRange of nothing', () => {
  it('has no byte to start at, and a whole to end with', () => {
    expect(readByteRange('bytes=0-', 0)).toBe('UNSATISFIABLE');
    expect(readByteRange('bytes=0-0', 0)).toBe('UNSATISFIABLE');
    expect(readByteRange('bytes=-0', 0)).toBe('UNSATISFIABLE');
    expect(readByteRange('bytes=-5', 0)).toBeNull();
  });
});

it('always stays within the file', () => {
  const offset = fc.option(fc.nat(60).map(String), { nil: '' });
  fc.assert(
    fc.property(offset, offset, fc.nat(40), (first, last, size) => {
      const range = readByteRange(`bytes=${first}-${last}`, size);
      if (range === null || range === 'UNSATISFIABLE') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(size);
    }),
  );
});
