import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { buildConnector } from 'undici';
import type { ResolvedAddress, ResolveName } from './resolve-name.js';

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
export function isLocalName(hostname: string): boolean {
  return /(?:^|\.)localhost(?:\.localdomain)?\.?$/i.test(hostname);
}

/** Whether the host is forbidden by what it says, without asking a name server. */
export function isForbiddenHost(hostname: string): boolean {
  const address = literalAddress(hostname);
  return address === null ? isLocalName(hostname) : !isPublicAddress(address);
}

/**
 * Opens connections to public addresses only. A name is resolved once, every address it has is checked, and the connection goes
 * to one of just those: a name that changes its meaning in between gains nothing. Addresses written in a URL are checked too,
 * which Node resolves without asking.
 */
export function createGuardedConnector(
  resolveName: ResolveName,
  timeoutMs: number,
): buildConnector.connector {
  const connect = buildConnector({ lookup: createGuardedLookup(resolveName), timeout: timeoutMs });
  return (options, callback) =>
    isForbiddenHost(options.hostname)
      ? callback(new ForbiddenAddressError(), null)
      : connect(options, callback);
}

/** As guarded, but lets every address pass. */
export function createOpenConnector(resolveName: ResolveName, timeoutMs: number): buildConnector.connector {
  return buildConnector({ lookup: createLookup(resolveName), timeout: timeoutMs });
}

/** Resolves names for a connection; fails where any of their addresses is not public. */
export function createGuardedLookup(resolveName: ResolveName): LookupFunction {
  return createLookup(async (name) => {
    const found = await resolveName(name);
    if (!found.every(({ address }) => isPublicAddress(address))) throw new ForbiddenAddressError();
    return found;
  });
}

function createLookup(resolveName: ResolveName): LookupFunction {
  return (name, { all }, callback) => {
    const answer = (found: ResolvedAddress[]) => {
      const [first] = found;
      if (!first) return callback(new Error('The name has no address.'), '');
      return all ? callback(null, found) : callback(null, first.address, first.family);
    };
    resolveName(name).then(answer, (error: NodeJS.ErrnoException) => callback(error, ''));
  };
}
