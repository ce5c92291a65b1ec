import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate, RateLimiter } from './rate-limiter.js';

/** A limiter of the library, whatever it keeps its counts in, as our port. `clock` is what clients are told the time by. */
export function adaptRateLimiter(limiter: RateLimiterAbstract, clock: () => Date): RateLimiter {
  const toRate = ({ consumedPoints, msBeforeNext }: RateLimiterRes): Rate => ({
    limit: limiter.points,
    remaining: Math.max(0, limiter.points - consumedPoints),
    isExceeded: consumedPoints > limiter.points,
    resetsInMs: msBeforeNext,
    resetsAt: new Date(clock().getTime() + msBeforeNext),
  });
  return {
    count: async (key) => toRate(await limiter.penalty(key)),
    look: async (key) => {
      const counted = await limiter.get(key);
      return counted && toRate(counted);
    },
  };
}
