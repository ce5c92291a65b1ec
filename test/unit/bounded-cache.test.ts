import { createBoundedCache } from '../../src/bounded-cache.js';

test('a bounded cache keeps those that were used last, and tells of each that it drops', () => {
  const dropped: string[] = [];
  const cache = createBoundedCache<string>(3, { dispose: (_, key) => void dropped.push(key) });
  for (const key of ['a', 'b', 'c']) cache.set(key, `${key} first`);
  expect(cache.get('a')).toBe('a first');
  cache.set('c', 'c again');
  cache.set('d', 'd first');
  expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
  expect(cache.get('c')).toBe('c again');
  expect(dropped).toEqual(['c', 'b']);
  for (let index = 0; index < 10_000; index += 1) cache.set(`${index}`, '');
  expect(cache.size).toBe(3);
});
