import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface DrainBounds {
  maxBytes: number;
  maxMs: number;
}

export const defaultDrainBounds: DrainBounds = { maxBytes: 512 * 1024 * 1024, maxMs: 30_000 };

/** For a client that has been found too slow already. */
export const shortDrainBounds: DrainBounds = { maxBytes: 1024 * 1024, maxMs: 1000 };

const drains = new WeakMap<IncomingMessage, Promise<void>>();
const lastDrains = new WeakMap<Socket, Promise<void>>();

/**
 * Reads and drops what is left of a request that is answered early, so that its client, which may still be sending, gets
 * the answer, and so that the connection can carry the next request. Past either bound the connection is destroyed.
 *
 * Call it right before the answer is sent; the answer need not wait for it. A connection that ends with this answer is
 * half-closed after it and kept until the client has sent all: closed at once, it would be reset, and the answer lost.
 * Resolves when nothing is left to read. It never rejects, and does nothing where the body has been read already; of two
 * calls for one request the first one's bounds hold.
 */
export function drainRequest(
  request: IncomingMessage,
  bounds: DrainBounds = defaultDrainBounds,
): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  const running = drains.get(request);
  if (running !== undefined) return running;
  const drained = dropBody(request, bounds);
  drains.set(request, drained);
  lingerUntil(request.socket, drained);
  return drained;
}

function dropBody(request: IncomingMessage, { maxBytes, maxMs }: DrainBounds): Promise<void> {
  return new Promise((resolve) => {
    const { socket } = request;
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) giveUp();
    };
    const giveUp = () => socket.destroy();
    const timer = setTimeout(giveUp, maxMs);
    const finish = () => {
      clearTimeout(timer);
      request.off('data', count).off('end', finish);
      socket.off('close', finish);
      resolve();
    };
    // Once its answer is sent, a request no longer hears of its socket's end.
    socket.once('close', finish);
    request.unpipe().removeAllListeners('data').removeAllListeners('readable');
    request.once('end', finish).on('data', count).resume();
  });
}

/** Holds back the `destroySoon` by which Node closes a connection after its last answer, until `drained`. */
function lingerUntil(socket: Socket, drained: Promise<void>): void {
  if (!lastDrains.has(socket)) {
    const { destroySoon } = socket;
    socket.destroySoon = () => {
      socket.end();
      void lastDrains.get(socket)?.then(() => destroySoon.call(socket));
    };
  }
  lastDrains.set(socket, drained);
}
