import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP port that leads to another one, or to nobody, as its test wishes: for scanners that come and go. */
export class Switchboard {
  /** The port that connections from now on lead to; null refuses them. */
  target: number | null = null;
  /** Bytes that have been sent to the targets. */
  forwarded = 0;
  connections = 0;
  readonly #server = createServer((socket) => this.#forward(socket));
  readonly #sockets = new Set<Socket>();

  /** Its value of the setting SCANNER. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('The server has no port.');
    return `clamd://127.0.0.1:${address.port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #forward(incoming: Socket): void {
    this.connections += 1;
    incoming.on('error', () => undefined);
    if (this.target === null) return void incoming.resetAndDestroy();
    const outgoing = connect(this.target, '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    }
    outgoing.on('close', () => incoming.destroy());
    incoming.on('close', () => outgoing.destroy());
    incoming.on('data', (chunk) => {
      this.forwarded += chunk.length;
    });
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
  }
}
