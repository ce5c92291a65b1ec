import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';

/** By which connections of this program are told from others. */
export const applicationName = 'claimcheck';

const connectTimeoutMs = 5_000;
/** Without a delay the system asks after two hours, and then once a second, ten times. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * Its connections may end at any moment, also in the one between being handed out and being used, when nobody else listens:
 * an error that nobody hears would end the process. Whoever uses a connection hears of its loss; one that nobody uses is just
 * gone.
 */
class GuardedPool extends pg.Pool {
  constructor(config?: pg.PoolConfig) {
    super(config);
    this.on('error', () => undefined);
    this.on('connect', (client) => {
      client.on('error', () => undefined);
      watchQueries(client);
    });
  }
}

/** The driver, for TypeORM. */
export const guardedDriver: typeof pg = Object.create(pg, { Pool: { value: GuardedPool, enumerable: true } });

/**
 * Connections of their own, for what cannot go through TypeORM. A lost one is replaced at the next use; and one that answers
 * nothing for `longestAnswerMs` is lost, where that is not 0: of a network that swallows what is sent the system says nothing
 * for a quarter of an hour.
 */
export function createPostgresPool(url: string, max: number, longestAnswerMs: number): pg.Pool {
  return new GuardedPool({
    connectionString: url,
    application_name: applicationName,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    ...keepAlive,
    query_timeout: longestAnswerMs,
  });
}

/** Texts of statements that each connection has parsed and planned once, and their names on it. */
const preparedNames = new Map<string, string>();

/**
 * Returns `sql`, which connections prepare from now on. That is for a few fixed texts, whose plan is good for all values and also
 * once tables that were empty when it was made are full.
 */
export function prepared(sql: string): string {
  if (!preparedNames.has(sql)) preparedNames.set(sql, `prepared_${preparedNames.size}`);
  return sql;
}

/**
 * The driver tells whoever waits that there is no answer, and would use the connection on. It is told once the connection has
 * ended: the pool would hand one that is still ending to whoever waits next.
 */
function watchQueries(client: pg.PoolClient): void {
  const query: (...words: unknown[]) => unknown = client.query.bind(client);
  const watched = (...words: unknown[]) => {
    const answer = query(...withName(words));
    if (!(answer instanceof Promise)) return answer;
    return answer.catch(async (error: unknown) => {
      await endWhereTimedOut(client, error);
      throw error;
    });
  };
  Object.assign(client, { query: watched });
}

/** The driver prepares what has a name. */
function withName(words: unknown[]): unknown[] {
  const [text, values, ...others] = words;
  const name = typeof text === 'string' ? preparedNames.get(text) : undefined;
  return name === undefined ? words : [{ name, text, values }, ...others];
}

/** As the driver calls it, which gives it no code. */
const unanswered = 'Query read timeout';

async function endWhereTimedOut(client: pg.PoolClient, error: unknown): Promise<void> {
  if (!(error instanceof Error && error.message === unanswered)) return;
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  if (stream.closed) return;
  const closed = once(stream, 'close');
  stream.destroy();
  await closed;
}
