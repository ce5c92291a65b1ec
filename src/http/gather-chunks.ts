import type { IncomingMessage, Server } from 'node:http';

/**
 * Hands the chunks of a chunked body on together, as many as come in one piece from the network. A client can send a chunk for
 * each byte; each would be an object of some hundred bytes until it is used, and pass through every stream by itself.
 */
export function gatherChunks(server: Server): void {
  server.prependListener('request', (request) => {
    if (request.headers['transfer-encoding'] !== undefined) gatherChunksOf(request);
  });
}

function gatherChunksOf(request: IncomingMessage): void {
  const push = request.push.bind(request);
  let chunks: Uint8Array[] = [];
  let hasRoom = true;
  const handOn = () => {
    if (chunks.length === 0) return;
    const [first] = chunks;
    const piece = chunks.length === 1 && first ? first : Buffer.concat(chunks);
    chunks = [];
    hasRoom = push(piece);
  };
  request.push = (chunk: Uint8Array | null) => {
    if (chunk === null) {
      handOn();
      return push(null);
    }
    chunks.push(chunk);
    // Ticks and promises have their turn between two chunks already.
    if (chunks.length === 1) setImmediate(handOn);
    // Node stops reading the connection if there is none; one piece more may have come by then.
    return hasRoom;
  };
}
