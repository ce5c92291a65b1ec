import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';

/** A socket on which a test says what it likes, and what came of it. */
export class LiveSocket {
  readonly messages: { type: string; id?: string; payload?: unknown }[] = [];
  readonly closed: Promise<number>;

  constructor(readonly socket: WebSocket) {
    socket.on('error', () => undefined);
    socket.on('message', (data) => this.messages.push(JSON.parse(String(data))));
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(
    url: string,
    protocols = ['graphql-transport-ws'],
    options: ClientOptions = {},
  ): Promise<LiveSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocols, options);
    const opened = new LiveSocket(socket);
    await once(socket, 'open');
    return opened;
  }

  /** Opened, and its credential accepted. */
  static async acknowledged(url: string, key: string, headers = {}): Promise<LiveSocket> {
    const live = await LiveSocket.open(url, undefined, { headers });
    live.say({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } });
    await live.hears('connection_ack');
    return live;
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  async hears(type: string, ms = 5_000) {
    const end = performance.now() + ms;
    for (;;) {
      const message = this.messages.find((each) => each.type === type);
      if (message) return message;
      if (performance.now() > end) throw new Error(`Never heard ${type}: ${JSON.stringify(this.messages)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  end(): void {
    this.socket.terminate();
  }
}
