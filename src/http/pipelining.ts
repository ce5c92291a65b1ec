import type { IncomingMessage, Server, ServerResponse } from 'node:http';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Has a request that came behind others on its connection wait until those are answered, and for the next round of the event
 * loop. A client can send thousands at once, and Node hands them over at once.
 */
export function takePipelinedInTurns(server: Server): void {
  const handlers = server.listeners('request') as Handle[];
  server.removeAllListeners('request');
  for (const handle of handlers) {
    server.on('request', (request, response) => {
      // Only the answer that is being sent has the connection.
      if (response.socket) handle(request, response);
      else response.once('socket', () => setImmediate(handle, request, response));
    });
  }
}
