import { instantText } from '../../../src/graphql/types/instant-text.js';

const minute = 60_000;
const lastInstant = 8_640_000_000_000_000;

/** One after the other in this order: what is remembered of one must not be told of the next. */
const instants = [
  0,
  -1,
  1,
  minute - 1,
  minute,
  minute + 999,
  minute + 1_000,
  -minute,
  -minute - 1,
  Date.UTC(2026, 1, 28, 23, 59, 59, 999),
  Date.UTC(2026, 2, 1),
  Date.UTC(2026, 2, 1, 0, 0, 9, 9),
  Date.UTC(2026, 2, 1, 0, 0, 10),
  Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  Date.UTC(10_000, 0, 1),
  Date.UTC(-1, 0, 1),
  lastInstant,
  -lastInstant,
];

test('the text of an instant is the one of ISO 8601', () => {
  const scattered = Array.from({ length: 20_000 }, (_, index) => Math.round(1.8e12 + index * 7_919.37));
  const all = [...instants, ...scattered].map((instant) => new Date(instant));
  expect(all.map(instantText)).toEqual(all.map((at) => at.toISOString()));
});

test('an instant that is none has no text', () => {
  expect(() => instantText(new Date(Number.NaN))).toThrow(RangeError);
});
