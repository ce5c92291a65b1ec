import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Rate, RateLimiter } from './rate-limiter.js';

/** A limiter of the library, whatever it keeps its counts in, as our port. */
export function adaptRateLimiter(limiter: RateLimiterAbstract): RateLimiter {
  return {
    count: async (key) => toRate(limiter.points, await limiter.penalty(key)),
    look: async (key) => {
      const counted = await limiter.get(key);
      return counted && toRate(limiter.points, counted);
    },
  };
}

function toRate(limit: number, { consumedPoints, msBeforeNext }: RateLimiterRes): Rate {
  return {
    limit,
    remaining: Math.max(0, limit - consumedPoints),
    isExceeded: consumedPoints > limit,
    resetsAt: new Date(Date.now() + msBeforeNext),
  };
}
