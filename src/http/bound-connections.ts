import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** Requests of one connection that wait for an answer to an earlier one. No client needs as many. */
const maxWaiting = 1_000;

/**
 * Has a request that came behind others on its connection wait until those are answered, and for the next round of the event
 * loop. A client can send thousands at once, and Node hands them over at once. Node goes on reading while nothing is
 * answered, so a connection on which more than `maxWaiting` wait is cut off.
 */
export function takePipelinedInTurns(server: Server): void {
  const waiting = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: 1 | -1): number => {
    const number = (waiting.get(socket) ?? 0) + change;
    waiting.set(socket, number);
    return number;
  };
  const handlers = server.listeners('request') as Handle[];
  server.removeAllListeners('request');
  for (const handle of handlers) {
    server.on('request', (request, response) => {
      // Only the answer that is being sent has the connection.
      if (response.socket) return handle(request, response);
      const { socket } = request;
      if (count(socket, 1) > maxWaiting) return socket.destroy();
      response.once('socket', () => {
        count(socket, -1);
        setImmediate(handle, request, response);
      });
    });
  }
}
