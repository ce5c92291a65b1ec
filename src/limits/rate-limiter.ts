import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { type AttachmentError, type FaultTypeOf, fault } from '../errors.js';

/** How much of its limit a key has used up in its current window. */
export interface Rate {
  limit: number;
  remaining: number;
  /** Whether the limit has been passed. */
  isExceeded: boolean;
  /** When the window ends, and all of the limit is there again. */
  resetsAt: Date;
  resetsInMs: number;
}

/** Counts what happens under a key. A key's window begins with the first count. */
export interface RateLimiter {
  /** Counts one more, also past the limit. */
  count(key: string): Promise<Rate>;
  /** Counts nothing. Null where nothing was counted lately. */
  look(key: string): Promise<Rate | null>;
}

/** RATE_LIMITED, with the time after which the limit is there again: at least one second. `type` is that of its detail. */
export function rateLimited(
  { limit, resetsInMs }: Rate,
  msg: string,
  type: FaultTypeOf<'RATE_LIMITED'>,
): AttachmentError {
  const retryAfterSeconds = Math.max(1, Math.ceil(resetsInMs / 1_000));
  return fault(type, ['headers', 'authorization'], msg, { message: msg, limit, retryAfterSeconds });
}

/** The key that a principal's requests are counted under. Its id is unique within its organization only. */
export function principalKey(organizationId: string, principalId: string): string {
  return `${organizationId}/${principalId}`;
}

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
