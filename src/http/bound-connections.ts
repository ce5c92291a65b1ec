import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
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

/** Between two looks at connections that have brought nothing, in milliseconds. */
const unusedMs = 100;

/**
 * Closes connections that have never brought a byte once the server stops. Node waits for them as if a request were under way.
 * Browsers and HTTP clients open some in reserve. The first bytes of a request may be on their way, so they have a moment.
 */
export function closeUnusedAtStop(server: FastifyInstance): void {
  const open = new Set<Socket>();
  server.server.on('connection', (socket) => {
    // A connection is announced again after an offer of another protocol.
    if (open.has(socket)) return;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  let hasStopped = false;
  server.addHook('onClose', async () => {
    hasStopped = true;
  });
  server.addHook('preClose', async () => {
    void (async () => {
      while (!hasStopped) {
        const unused = [...open].filter(({ bytesRead }) => bytesRead === 0);
        await sleep(unusedMs, undefined, { ref: false });
        for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
      }
    })();
  });
}
