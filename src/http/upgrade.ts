import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

export type AcceptUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/**
 * Hands WebSocket handshakes for `path` to `accept`. Node hands over every request with an Upgrade header once there is
 * somebody to take them, those of clients too that merely offer HTTP/2; these are answered as if they had not offered it.
 */
export function onWebSocketHandshake(server: Server, path: string, accept: AcceptUpgrade): void {
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isHandshake(request, path)) accept(request, socket, head);
    else answerWithoutUpgrade(server, request, socket, head);
  });
}

function isHandshake({ method, url = '', headers }: IncomingMessage, path: string): boolean {
  const [target] = url.split('?', 1);
  return method === 'GET' && target === path && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Puts the request back in front of what has come after it, and has the connection read anew. */
function answerWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
