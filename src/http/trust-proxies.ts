import proxyAddr from '@fastify/proxy-addr';
import { plainAddress } from '../limits/networks.js';

/** Whether X-Forwarded-For is believed from `address`, the hop nearest to us being 0. */
export type Trust = (address: string, hop: number) => boolean;

/** Trusts these addresses and networks, whether or not a proxy writes the port of a client behind its address. */
export function trustProxies(networks: readonly string[]): Trust {
  const trust = proxyAddr.compile([...networks]);
  return (address, hop) => trust(plainAddress(address ?? ''), hop);
}
