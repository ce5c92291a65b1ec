import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Shares } from '../limits/network-rate.js';
import { NetworkPlaces } from '../limits/places.js';

const shares: Shares = [1, 2, 4];

/** Between two notes of connections that were refused. */
const noteMs = 60_000;

export interface ConnectionLimits {
  /** Connections of one address at once, and by its shares of the networks around it; 0 is off. */
  max: number;
  /** Proxies, which have many clients behind them. */
  trust(address: string, hop: number): boolean;
  /** Told of an address at its limit, at most once a minute. */
  onRefused(address: string): void;
}

/** Closes connections of an address that has too many, whatever they are used for, or if they are idle. */
export function boundConnections(server: Server, { max, trust, onRefused }: ConnectionLimits): void {
  if (max === 0) return;
  const places = new NetworkPlaces(max, shares);
  const known = new WeakSet<Socket>();
  let notedAt = Number.NEGATIVE_INFINITY;
  // Before Node's own listener, so that nothing is read.
  server.prependListener('connection', (socket) => {
    // A connection is announced again after an offer of another protocol.
    if (known.has(socket)) return;
    known.add(socket);
    const { remoteAddress: address } = socket;
    if (address !== undefined && trust(address, 0)) return;
    const release = places.take(address);
    if (release) return void socket.once('close', release);
    socket.destroy();
    if (performance.now() - notedAt < noteMs) return;
    notedAt = performance.now();
    onRefused(address ?? '');
  });
}
