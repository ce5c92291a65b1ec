import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface DrainBounds {
  maxBytes: number;
  maxMs: number;
}

export const defaultDrainBounds: DrainBounds = { maxBytes: 512 * 1024 * 1024, maxMs: 30_000 };

/**
 * Reads and drops what is left of a request that is answered early, so that its client, which may still be sending, gets
 * the answer, and so that the connection can carry the next request. Past either bound the connection is destroyed.
 *
 * Call it right before the answer is sent; the answer need not wait for it. A connection that ends with this answer is
 * half-closed after it and kept until the client has sent all: closed at once, it would be reset, and the answer lost.
 * Resolves when nothing is left to read. It never rejects, and does nothing where the body has been read already.
 */
export async function drainRequest(
  request: IncomingMessage,
  bounds: DrainBounds = defaultDrainBounds,
): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  const { socket } = request;
  const drained = dropBody(request, bounds);
  lingerUntil(socket, drained);
  await drained;
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

/** Node calls `destroySoon` when it has sent the last answer of a connection. */
function lingerUntil(socket: Socket, drained: Promise<void>): void {
  const { destroySoon } = socket;
  const restore = () => {
    socket.destroySoon = destroySoon;
  };
  socket.destroySoon = () => {
    socket.end();
    void drained.then(() => socket.destroy());
  };
  void drained.then(restore);
}
