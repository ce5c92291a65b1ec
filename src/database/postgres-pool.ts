import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { preparedName } from './prepared-texts.js';

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
      guardQueries(client);
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

/**
 * Prepares what is to be prepared. A connection that answers nothing is told of once it has ended: the driver would use it on, and
 * the pool hand it to whoever waits next.
 */
function guardQueries(client: pg.PoolClient): void {
  const query: (...words: unknown[]) => unknown = client.query.bind(client);
  const stale = new Set<string>();
  const guarded = (...words: unknown[]) => {
    const name = typeof words[0] === 'string' ? preparedName(words[0]) : null;
    const isNamed = name !== null && !stale.has(name);
    const answer = query(...(isNamed ? withName(name, words) : words));
    if (!(answer instanceof Promise)) return answer;
    return answer.catch(async (error: unknown) => {
      await endWhereUnanswered(client, error);
      if (!isNamed || !isStale(error)) throw error;
      stale.add(name);
      // It has done nothing. In a transaction this fails too, as all that follows would.
      return (query(...words) as Promise<unknown>).catch(() => {
        throw error;
      });
    });
  };
  Object.assign(client, { query: guarded });
}

/** The driver prepares statements that have a name. */
const withName = (name: string, [text, values, ...others]: unknown[]): unknown[] => [
  { name, text, values },
  ...others,
];

/** Says that a prepared statement would return other columns than when it was prepared: a migration has changed the type of one. */
const isStale = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '0A000';

/** As the driver calls it, which gives it no code. */
const unanswered = 'Query read timeout';

async function endWhereUnanswered(client: pg.PoolClient, error: unknown): Promise<void> {
  if (!(error instanceof Error && error.message === unanswered)) return;
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  if (stream.closed) return;
  const closed = once(stream, 'close');
  stream.destroy();
  await closed;
}

/** How often the time is asked for anew: clocks of machines drift apart by some milliseconds in it. */
const intervalMs = 60_000;
/** An answer that took longer says too little. */
const longestAnswerMs = 1_000;
/** Attempts to read the clock of a database that is busy while the process starts. */
const firstTries = 10;

/** The time of a database, known between two questions by what has passed since. */
export interface DatabaseClock {
  now(): Date;
  stop(): void;
}

/**
 * The database's time, so that all processes on it agree about what has expired, whatever their machines' clocks say. Until the
 * first answer, and without any, it is this machine's.
 */
export async function followClock(source: Pick<DataSource, 'query'>): Promise<DatabaseClock> {
  let offsetMs = Date.now() - performance.now();
  let isKnown = false;
  const measure = async () => {
    const measured = await measureOffset(source);
    if (measured === null) return;
    offsetMs = measured;
    isKnown = true;
  };
  for (let left = firstTries; left > 0 && !isKnown; left -= 1) await measure();
  const timer = setInterval(() => void measure().catch(() => undefined), intervalMs).unref();
  return {
    now: () => new Date(offsetMs + performance.now()),
    stop: () => clearInterval(timer),
  };
}

/** Offset to add to this process's monotonic clock, in milliseconds; null if the answer took too long. */
async function measureOffset(source: Pick<DataSource, 'query'>): Promise<number | null> {
  const asked = performance.now();
  const [{ time }] = await source.query<[{ time: number }]>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS time',
  );
  const answered = performance.now();
  return answered - asked > longestAnswerMs ? null : time - (asked + answered) / 2;
}
