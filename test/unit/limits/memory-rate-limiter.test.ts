import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryRateLimiter } from '../../../src/limits/rate-limiter.js';

describe('counts in memory', () => {
  test('are told, and begin anew with each window', async () => {
    const limiter = createMemoryRateLimiter({ limit: 2, windowSeconds: 1 });
    expect(await limiter.look('a')).toBeNull();
    const counts = [await limiter.count('a'), await limiter.count('a'), await limiter.count('a')];
    expect(counts.map(({ remaining, isExceeded }) => [remaining, isExceeded])).toEqual([
      [1, false],
      [0, false],
      [0, true],
    ]);
    expect(await limiter.look('a')).toMatchObject({ limit: 2, remaining: 0, isExceeded: true });
    expect((await limiter.count('b')).remaining).toBe(1);
    await sleep(1_100);
    expect(await limiter.look('a')).toBeNull();
    expect((await limiter.count('a')).remaining).toBe(1);
  });

  test('are kept for so many keys only, those that came last', async () => {
    const limiter = createMemoryRateLimiter({ limit: 2, windowSeconds: 60, maxKeys: 100 });
    for (let index = 0; index < 1_000; index += 1) await limiter.count(`${index}`);
    const found = await Promise.all(Array.from({ length: 1_000 }, (_, index) => limiter.look(`${index}`)));
    expect(found.flatMap((rate, index) => (rate ? [index] : []))).toEqual(
      Array.from({ length: 100 }, (_, index) => 900 + index),
    );
  });
});
