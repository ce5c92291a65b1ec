import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formRequest, RawConnection } from '../../support/raw-http.js';
import { HashingServer, hashFile } from './hashing-server.js';

/** Two servers, to which every body goes in one piece. For one of them it is never as long as it should be, until it is streamed. */
export class BothParsers {
  /** Files that came whole. */
  whole = 0;
  readonly #servers: HashingServer[] = [];
  readonly #connections: RawConnection[] = [];

  static async start(): Promise<BothParsers> {
    const both = new BothParsers();
    await both.#open(() => {});
    await both.#open(({ headers }) => {
      headers['content-length'] = String(Number(headers['content-length']) + 1);
    });
    return both;
  }

  async #open(prepare: (request: IncomingMessage) => void): Promise<void> {
    const server = await HashingServer.start({
      refuse: (request) => {
        prepare(request);
        return false;
      },
      receive: (file) => {
        if (file.whole) this.whole += 1;
        return hashFile(file, 150_000);
      },
    });
    this.#servers.push(server);
    this.#connections.push(await RawConnection.open(server.url));
  }

  /** The answers, which must be the same. */
  async answer(body: Buffer, headers: Record<string, string> = {}): Promise<string | undefined> {
    const bytes = formRequest('/', body, headers);
    const answers: string[] = [];
    for (const connection of this.#connections) {
      void connection.send(bytes);
      const response = await connection.response();
      answers.push(`${response.status} ${response.body}`);
    }
    expect(answers[0]).toBe(answers[1]);
    return answers[0];
  }

  /** The answer to a body of which so many bytes are sent at a time. */
  async answerInPieces(body: Buffer, size: number): Promise<string> {
    const [connection] = this.#connections;
    if (!connection) throw new Error('There is no server.');
    const bytes = formRequest('/', body);
    for (let at = 0; at < bytes.length; at += size) {
      await connection.send(bytes.subarray(at, at + size));
      await nextTurn();
    }
    const response = await connection.response();
    return `${response.status} ${response.body}`;
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    for (const server of this.#servers) await server.stop();
  }
}
