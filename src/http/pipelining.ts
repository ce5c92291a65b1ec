import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

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
