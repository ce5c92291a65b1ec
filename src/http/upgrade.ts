import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { readWholePieces } from './read-in-turns.js';
import { slashAfterGraphql } from './server.js';

export type AcceptUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** The answer that Node is sending on a connection just now, of those to requests that came before. */
type AnsweringSocket = Socket & { _httpMessage?: ServerResponse | null };

/**
 * Hands WebSocket handshakes for `path` to `accept`. Node hands over every request with an Upgrade header once there is
 * somebody to take them, those of clients too that merely offer HTTP/2. These are answered as if they had not offered it
 * (RFC 9110, section 7.8). Either waits until all requests before it on the same connection have been answered.
 */
export function onWebSocketHandshake(server: Server, path: string, accept: AcceptUpgrade): void {
  server.on('upgrade', (request: IncomingMessage, socket: AnsweringSocket, head: Buffer) => {
    onceAnswered(socket, () => {
      if (isHandshake(request, path)) {
        readWholePieces(socket);
        accept(request, socket, head);
      } else answerWithoutUpgrade(server, request, socket, head);
    });
  });
}

function isHandshake({ method, url = '', headers }: IncomingMessage, path: string): boolean {
  const [target] = url.replace(slashAfterGraphql, '').split('?', 1);
  return method === 'GET' && target === path && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Calls `next` after the last answer under way, at once if there is none, and never if the connection ends before. */
function onceAnswered(socket: AnsweringSocket, next: () => void): void {
  const { _httpMessage: answer } = socket;
  if (!answer) {
    next();
    return;
  }
  // Node has taken its own listeners off.
  const onError = () => socket.destroy();
  socket.once('error', onError);
  answer.once('close', () => {
    socket.off('error', onError);
    if (!socket.destroyed && !socket.writableEnded) onceAnswered(socket, next);
  });
}

/** Puts the request back in front of what has come after it, and has the connection read anew. */
function answerWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  // Between two answers Node counts how long the connection is idle.
  socket.setTimeout(0);
  // Others have their turns before the next of many such requests.
  const onError = () => socket.destroy();
  socket.once('error', onError);
  setImmediate(() => {
    socket.off('error', onError);
    if (socket.destroyed) return;
    socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    server.emit('connection', socket);
  });
}
