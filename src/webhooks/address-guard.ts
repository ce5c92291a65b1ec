import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The connection was refused by us: the receiver is, or its name stands for, an address that is not public. */
export class ForbiddenAddressError extends Error {
  constructor() {
    super('The address is not public.');
    this.name = 'ForbiddenAddressError';
  }
}

/** Everything that is handed out to the public internet today lies in here; what looks public outside of it is not. */
const globalIpv6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by its number, but inside a well-known cloud the address of the machine's own host. */
const hostAddresses = new Set(['168.63.129.16']);

/**
 * Whether `address` is one of the public internet's. Not so: loopback, private, link-local (the metadata of clouds),
 * carrier-grade NAT, multicast, reserved and documentation ranges, and every IPv6 form that only wraps an IPv4 address
 * (mapped, compatible, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || hostAddresses.has(address)) return false;
  if (family === 4) return ipaddr.IPv4.parse(address).range() === 'unicast';
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.range() === 'unicast' && parsed.match(globalIpv6);
}

/** The address that a URL's host is written as, without brackets; null where it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

/** Names that stand for the machine itself, whatever a name server says. */
function isLocalName(hostname: string): boolean {
  return /(?:^|\.)localhost(?:\.localdomain)?\.?$/i.test(hostname);
}

/** Whether the host is forbidden by what it says, without asking a name server. */
export function isForbiddenHost(hostname: string): boolean {
  const address = literalAddress(hostname);
  return address === null ? isLocalName(hostname) : !isPublicAddress(address);
}

/** An address a name stands for. */
export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** All addresses of a name; rejects where there are none. */
export type ResolveName = (name: string) => Promise<ResolvedAddress[]>;

/** As the operating system does for every other program. */
export const resolveName: ResolveName = async (name) => {
  const found = await lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};
