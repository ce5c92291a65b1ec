import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** The way in which a fake clamd treats a connection. */
export interface Misbehaviour {
  /** Bytes to read before answering; left out: up to the end of the content. */
  after?: number;
  reply?: string;
  /** The end of the connection; `stay` leaves it open. */
  ending: 'end' | 'reset' | 'stay';
}

/** A TCP server that treats every connection alike. It knows of the protocol only the zero that ends a stream. */
export async function startFakeClamd({ after, reply = '', ending }: Misbehaviour) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let received = 0;
    let tail = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      received += bytes.length;
      tail = Buffer.concat([tail, bytes]).subarray(-4);
      const isOver = received > 13 && tail.readUInt32BE() === 0;
      if (after === undefined ? !isOver : received < after) return;
      socket.pause().removeAllListeners('data');
      socket.write(reply, 'latin1', () => {
        if (ending === 'end') socket.destroy();
        if (ending === 'reset') socket.resetAndDestroy();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { host: '127.0.0.1', port: address.port, stop };
}
