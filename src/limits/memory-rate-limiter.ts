import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { adaptRateLimiter, type RateLimiter } from './rate-limiter.js';

/** Some 50 MB of counts; whoever comes from more addresses than that is forgotten sooner. */
const maxKeys = 100_000;

export interface MemoryLimits {
  /** Counts in one window. */
  limit: number;
  windowSeconds: number;
  maxKeys?: number;
}

/** Counts within this process, for the `maxKeys` keys that came last. */
export function createMemoryRateLimiter({ limit, windowSeconds, ...bounds }: MemoryLimits): RateLimiter {
  const limiter = new RateLimiterMemory({ points: limit, duration: windowSeconds });
  const keys = new LRUCache<string, true>({
    // By size, for `max` would reserve the memory of all of them at once.
    maxSize: bounds.maxKeys ?? maxKeys,
    sizeCalculation: () => 1,
    dispose: (_, key) => void limiter.delete(key),
  });
  const { count, look } = adaptRateLimiter(limiter, () => new Date());
  return {
    count: (key) => {
      keys.set(key, true);
      return count(key);
    },
    look,
  };
}
