import { networksOf, type Width } from './networks.js';
import type { Rate, RateLimiter } from './rate-limiter.js';

/** Counts what comes from an address, for the address itself and for the networks around it. */
export interface NetworkRate {
  /** The limit of one client. */
  readonly limit: number;
  /** Counts one more. The rate that is the nearest to its limit; wider networks do not count what a narrower one refuses. */
  count(address: string | undefined): Promise<Rate>;
  /** Counts nothing. The rate that is the nearest to its limit; null if nothing was counted lately. */
  look(address: string | undefined): Promise<Rate | null>;
}

/** How many times the limit of one client wider networks have, by their width. */
export type Shares = readonly [1, number, number];

/** `open` makes a limiter of so many counts; it is asked once for each width. */
export async function createNetworkRate(
  open: (width: Width, limit: number) => Promise<RateLimiter>,
  limit: number,
  shares: Shares,
): Promise<NetworkRate> {
  const limiters = await Promise.all(
    ([0, 1, 2] as const).map((width) => open(width, Math.ceil(limit * shares[width]))),
  );
  return {
    limit,
    count: async (address) => {
      const rates: Rate[] = [];
      for (const { key, width } of networksOf(address)) {
        const rate = await limiters[width]?.count(key);
        if (rate?.isExceeded) return rate;
        if (rate) rates.push(rate);
      }
      return tightest(rates);
    },
    look: async (address) => {
      const looks = networksOf(address).map(({ key, width }) => limiters[width]?.look(key));
      const rates = (await Promise.all(looks)).filter((rate) => rate !== undefined && rate !== null);
      return rates.length === 0 ? null : tightest(rates);
    },
  };
}

function tightest(rates: readonly Rate[]): Rate {
  return rates.reduce((one, other) => (other.remaining < one.remaining ? other : one));
}
