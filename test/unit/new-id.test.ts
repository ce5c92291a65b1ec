import { validate, version } from 'uuid';
import { idAt, newId } from '../../src/new-id.js';

test('a hundred thousand new ids are different, in order, and UUIDs of version 7 of this time', () => {
  const before = Date.now();
  const ids = Array.from({ length: 100_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  // The forty random bits behind the time and the number: by chance two are alike in one run of two hundred.
  expect(new Set(ids.map((id) => id.slice(-10))).size).toBeGreaterThan(ids.length - 4);
  expect(Number.parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
});

test('ids of an instant begin with it, follow their numbers, and are the same for the same bytes', () => {
  const msecs = Date.UTC(2026, 0, 1);
  const ids = [0, 1, 2, 300].map((seq) => idAt(msecs, { seq }));
  expect(ids.toSorted()).toEqual(ids);
  const begun = msecs.toString(16).padStart(12, '0');
  expect(ids.every((id) => id.replace('-', '').startsWith(begun))).toBe(true);
  const random = new Uint8Array(16).fill(7);
  expect(idAt(msecs, { random })).toBe(idAt(msecs, { random }));
  expect(idAt(msecs)).not.toBe(idAt(msecs));
});

test('new ids stay in order when the clock is set back', () => {
  const { now } = Date;
  const first = newId();
  try {
    Date.now = () => now() - 3_600_000;
    const later = [newId(), newId()];
    expect([first, ...later].toSorted()).toEqual([first, ...later]);
  } finally {
    Date.now = now;
  }
});
