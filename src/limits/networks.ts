import ipaddr from 'ipaddr.js';
import type { Rate, RateLimiter } from './rate-limiter.js';

/** How wide a network is: one client's own, the one around it, and the widest that is counted as one. */
export type Width = 0 | 1 | 2;

/** A network that an address lies in. `key` is the same for all addresses in it. */
export interface Network {
  key: string;
  width: Width;
}

/** A proxy may send anything. */
const maxAddressLength = 64;

const prefixes: Record<'ipv4' | 'ipv6', readonly { bits: number; width: Width }[]> = {
  ipv4: [
    { bits: 32, width: 0 },
    { bits: 24, width: 2 },
  ],
  ipv6: [
    { bits: 64, width: 0 },
    { bits: 56, width: 1 },
    { bits: 48, width: 2 },
  ],
};

/**
 * The networks of an address, the narrowest first: an IPv4 address and its /24, or the /64, /56 and /48 of an IPv6 address. An
 * IPv4 address counts as the same one when it is written in the form of IPv6. Other text stands for itself.
 */
export function networksOf(address: string | undefined): Network[] {
  const plain = plainAddress(address ?? '');
  if (!ipaddr.isValid(plain)) return [{ key: plain.slice(0, maxAddressLength), width: 0 }];
  const parsed = ipaddr.process(plain);
  const bytes = parsed.toByteArray();
  return prefixes[parsed.kind()].map(({ bits, width }) => ({
    key: `${bytes.slice(0, bits / 8).join('.')}/${bits}`,
    width,
  }));
}

/**
 * An address as proxies write it, without what is not part of it: quotes, the port (`192.0.2.1:4711`, `[2001:db8::1]:4711`),
 * brackets and the zone of an IPv6 address. Text without an address comes back trimmed.
 */
export function plainAddress(text: string): string {
  const unquoted = text.trim().replace(/^"([^"]*)"$/, '$1');
  const inBrackets = /^\[([^\]]*)\](?::\d*)?$/.exec(unquoted)?.[1];
  const withoutPort = inBrackets ?? /^([\d.]+):\d*$/.exec(unquoted)?.[1] ?? unquoted;
  return withoutPort.split('%', 1)[0] ?? '';
}

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
