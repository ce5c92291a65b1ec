import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { applicationName, keepAlive } from './postgres-pool.js';

export interface PostgresChannelOptions {
  url: string;
  /** Those that open a channel of the same name hear one another. */
  name: string;
  /** Called with each text that another has sent. */
  onText(text: string): void;
  /** Told when the connection is lost; it is made anew. */
  onFault(error: unknown): void;
  /** Told when it has been made anew: what others have sent meanwhile was not heard. */
  onReopened(): void;
}

/** PostgreSQL takes less than 8,000 bytes at once. */
export const maxTextBytes = 7_900;
const textsAtOnce = 500;
/** With a name, it is parsed once for each connection. */
const notify = { name: 'notify', text: 'SELECT pg_notify($1, text) FROM unnest($2::text[]) text' };
/** Messages that wait at most while the database is away. The oldest are dropped. */
const maxWaiting = 10_000;
const connectTimeoutMs = 5_000;
/** A connection that answers nothing in so long is lost, though nobody has closed it. */
const answerTimeoutMs = 10_000;
const reconnectMs = 500;

/**
 * Tells other processes on the same database, over one connection, by NOTIFY. What is sent while that is lost goes out later;
 * what others send meanwhile is never heard here.
 */
export class PostgresChannel {
  readonly #options: PostgresChannelOptions;
  readonly #closing = new AbortController();
  readonly #check: NodeJS.Timeout;
  #client: pg.Client | null = null;
  #waiting: string[] = [];
  #flushing: Promise<void> | null = null;

  constructor(options: PostgresChannelOptions) {
    this.#options = options;
    this.#check = setInterval(() => void this.#query('SELECT 1').catch(() => undefined), answerTimeoutMs);
    this.#check.unref();
  }

  /** Listens from now on. */
  async open(): Promise<void> {
    const { url, name } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: answerTimeoutMs,
      ...keepAlive,
    });
    client.on('error', (error) => this.#lose(client, error));
    client.on('end', () => this.#lose(client, new Error('The connection for notices has ended.')));
    client.on('notification', ({ payload, processId }) => {
      if (payload !== undefined && processId !== processIdOf(client)) this.#options.onText(payload);
    });
    try {
      await client.connect();
      // A notice is not worth waiting for the disk, least of all since commits with notices go one after the other.
      await client.query('SET synchronous_commit = off');
      await client.query(`LISTEN ${client.escapeIdentifier(name)}`);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    this.#flush();
  }

  /** Sends soon, in order; each text has `maxTextBytes` at most. */
  send(texts: readonly string[]): void {
    this.#waiting = [...this.#waiting, ...texts].slice(-maxWaiting);
    this.#flush();
  }

  /** Sends what waits, and ends. */
  async close(): Promise<void> {
    await this.#flushing;
    this.#closing.abort();
    clearInterval(this.#check);
    await this.#client?.end().catch(() => undefined);
  }

  #flush(): void {
    this.#flushing ??= this.#sendWaiting().finally(() => {
      this.#flushing = null;
    });
  }

  async #sendWaiting(): Promise<void> {
    // Messages of the same turn go together.
    await new Promise(setImmediate);
    while (this.#client && this.#waiting.length > 0) {
      const texts = this.#waiting.slice(0, textsAtOnce);
      const sent = await this.#query({ ...notify, values: [this.#options.name, texts] }).then(
        () => true,
        () => false,
      );
      if (sent) this.#waiting = this.#waiting.slice(texts.length);
    }
  }

  async #query(query: string | pg.QueryConfig): Promise<void> {
    const client = this.#client;
    try {
      await client?.query(query);
    } catch (error) {
      if (client) this.#lose(client, error);
      throw error;
    }
  }

  #lose(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = null;
    void client.end().catch(() => undefined);
    if (this.#closing.signal.aborted) return;
    this.#options.onFault(error);
    void this.#openAgain();
  }

  async #openAgain(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(reconnectMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const isOpen = await this.open().then(
        () => true,
        () => false,
      );
      if (isOpen) return this.#options.onReopened();
    }
  }
}

/** By which PostgreSQL says who has sent a notice; the driver keeps it, undeclared. */
function processIdOf(client: pg.Client): unknown {
  return 'processID' in client ? client.processID : undefined;
}
