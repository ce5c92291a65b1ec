import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a database. What becomes of the bytes of each connection is the subclass's to say. */
export abstract class DatabaseProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();

  constructor(url: string) {
    this.#target = new URL(url);
    this.#server = createServer((client) => {
      const server = connect(Number(this.#target.port), this.#target.hostname);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => this.#sockets.delete(socket));
      }
      this.join(client, server);
    });
  }

  /** Resolves with the URL of the database through it. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as { port: number }).port);
    return url.href;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  protected abstract join(client: Socket, server: Socket): void;
}
