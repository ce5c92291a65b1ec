import pg from 'pg';
import type { Database } from '../../../src/database/database.js';
import { openPostgres } from '../../../src/database/postgres.js';
import { createPostgresPool } from '../../../src/database/postgres-pool.js';
import { GraphileJobs, type GraphileJobsOptions, migrateGraphileJobs } from '../../../src/jobs/graphile.js';
import type { Jobs } from '../../../src/jobs/jobs.js';
import { handler, type JobsStage, jobsContract, pause, until } from '../../support/jobs-contract.js';
import { type Postgres, startPostgres } from '../../support/postgres.js';
import { report } from '../../support/report.js';

let postgres: Postgres | undefined;
beforeAll(async () => {
  postgres = await startPostgres({ maxConnections: 200 });
});
afterAll(() => postgres?.stop());

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres?.url ?? '' });
  await client.connect();
  await client.query(sql);
  await client.end();
}

let count = 0;

/** A database of its own, and engines with connections of their own to it, as processes would have. */
async function openStage(): Promise<JobsStage & { settings: GraphileJobsOptions }> {
  count += 1;
  const name = `jobs_${count}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(postgres?.url ?? '');
  url.pathname = `/${name}`;
  const database = await openPostgres({ url: url.href, poolSize: 20, statementTimeoutMs: 10_000 });
  const settings = {
    clock: database.clock,
    createPool: () => createPostgresPool(url.href, 5, 0),
    onFailure: () => {},
    pollMs: 100,
  };
  await migrateGraphileJobs({ ...settings, database });
  const lives = new Map<Jobs, Life>();
  return {
    database,
    settings: { ...settings, database },
    engine: ({ leaseMs = 15_000 } = {}) => {
      const life = new Life();
      const createPool = () => life.guardPool(settings.createPool());
      const engine = new GraphileJobs({
        ...settings,
        database: life.guard(database),
        createPool,
        leaseMs,
      });
      lives.set(engine, life);
      return engine;
    },
    kill: (engine) => lives.get(engine)?.end(),
    close: async () => {
      for (const life of lives.values()) life.bury();
      await Promise.all([...lives].map(([engine, { hasEnded }]) => engine.stop(hasEnded ? 0 : 5_000)));
      await database.close();
      await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Once it has ended, nothing that is asked of the database is answered, until the test is over. */
class Life {
  hasEnded = false;
  bury: () => void = () => {};
  readonly #burial = new Promise<never>((_resolve, reject) => {
    this.bury = () => reject(new Error('dead'));
  });

  constructor() {
    this.#burial.catch(() => undefined);
  }

  end(): void {
    this.hasEnded = true;
  }

  guard(database: Database): Database {
    return { ...database, write: (work) => (this.hasEnded ? this.#burial : database.write(work)) };
  }

  guardPool(pool: pg.Pool): pg.Pool {
    const connect = pool.connect.bind(pool) as (...args: unknown[]) => Promise<pg.PoolClient>;
    const guarded = (...args: unknown[]) => (this.hasEnded ? this.#burial : connect(...args));
    pool.connect = guarded as typeof pool.connect;
    return pool;
  }
}

describe('graphile-worker', () => {
  jobsContract(openStage);
});

test('a job whose taking was committed but never answered runs within two leases, in the same process', async () => {
  const stage = await openStage();
  const leaseMs = 1_000;
  let taken = 0;
  const createPool = () =>
    loseAnswers(stage.settings.createPool(), (text, rows) => {
      if (!text.includes('attempts = jobs.attempts + 1') || rows === 0) return false;
      taken += rows;
      return taken === rows;
    });
  const jobs = new GraphileJobs({ ...stage.settings, createPool, leaseMs });
  const attempts: number[] = [];
  const begun = performance.now();
  await jobs.work({ note: handler(async (_, { number }) => void attempts.push(number)) });
  await stage.database.write((manager) => jobs.enqueue(manager, { kind: 'note', payload: {} }));
  await until(() => attempts.length > 0);
  const ms = performance.now() - begun;
  await pause(2 * leaseMs);
  expect({ attempts, taken }).toEqual({ attempts: [1], taken: 2 });
  report(`a job that nobody had heard of ran after ${ms.toFixed(0)} ms, with a lease of ${leaseMs}`);
  await jobs.stop(5_000);
  await stage.close();
});

test('a worker whose connection fails before its first look for jobs finds them after all', async () => {
  const stage = await openStage();
  let lost = 0;
  const createPool = () =>
    loseAnswers(stage.settings.createPool(), (text) => {
      if (!text.includes('_private_tasks') || lost > 0) return false;
      lost += 1;
      return true;
    });
  const jobs = new GraphileJobs({ ...stage.settings, createPool });
  const seen: number[] = [];
  await stage.database.write((manager) => jobs.enqueue(manager, { kind: 'note', payload: {} }));
  await jobs.work({ note: handler(async () => void seen.push(1)) });
  await until(async () => (await jobs.counts()).length === 0);
  expect({ seen, lost }).toEqual({ seen: [1], lost: 1 });
  await jobs.stop(5_000);
  await stage.close();
});

/** Has a connection fail once what it was asked is done, where `isLost` says so: before anybody hears of it. */
function loseAnswers(pool: pg.Pool, isLost: (text: string, rows: number) => boolean): pg.Pool {
  pool.on('connect', (client) => {
    const ask = client.query.bind(client) as (...args: unknown[]) => unknown;
    const losing = async (config: pg.QueryConfig) => {
      const result = (await ask(config)) as pg.QueryResult;
      if (!isLost(config.text, result.rowCount ?? 0)) return result;
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    };
    const takesText = (args: unknown[]) => args.length > 1 || typeof args[0] === 'string';
    client.query = ((...args: unknown[]) =>
      takesText(args) ? ask(...args) : losing(args[0] as pg.QueryConfig)) as typeof client.query;
  });
  return pool;
}

test('two jobs of one key never run at once in three processes, and the last of each of 8 keys always runs', async () => {
  const stage = await openStage();
  const running = new Map<string, number>();
  const last = new Map<string, number>();
  let most = 0;
  let runs = 0;
  const run = async (payload: unknown) => {
    const { key, n } = payload as { key: string; n: number };
    const count = (running.get(key) ?? 0) + 1;
    running.set(key, count);
    most = Math.max(most, count);
    runs += 1;
    await pause(5);
    if (n % 7 === 3 && last.get(key) !== n) {
      last.set(key, n);
      running.set(key, (running.get(key) ?? 0) - 1);
      throw new Error('once more');
    }
    last.set(key, n);
    running.set(key, (running.get(key) ?? 0) - 1);
  };
  const engines = [stage.engine(), stage.engine(), stage.engine()];
  for (const engine of engines) await engine.work({ note: handler(run, { retryDelaysMs: [0, 5, 5, 5] }) });
  const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);
  const enqueueAll = async (key: string) => {
    for (let n = 0; n < 60; n += 1) {
      const job = { kind: 'note', payload: { key, n }, key };
      await stage.database.write(async (manager) => engines[n % 3]?.enqueue(manager, job));
    }
  };
  await Promise.all(keys.map(enqueueAll));
  await until(async () => (await engines[0]?.counts())?.length === 0, 30_000);
  expect(keys.map((key) => last.get(key))).toEqual(keys.map(() => 59));
  expect(most).toBe(1);
  report(
    `${keys.length * 60} jobs of ${keys.length} keys in three processes: ${runs} runs, ${most} at once of a key`,
  );
  await stage.close();
}, 120_000);

test('the engine goes on if its connections fail just as a job ends, and the job has run once', async () => {
  const stage = await openStage();
  let fails = false;
  const createPool = () => {
    const pool = stage.settings.createPool();
    const connect = pool.connect.bind(pool) as (...args: unknown[]) => Promise<pg.PoolClient>;
    const flaky = (...args: unknown[]) => (fails ? Promise.reject(new Error('lost')) : connect(...args));
    pool.connect = flaky as typeof pool.connect;
    return pool;
  };
  const faults: unknown[] = [];
  const onFailure = (error: unknown) => void faults.push(error);
  const jobs = new GraphileJobs({ ...stage.settings, createPool, onFailure });
  const seen: number[] = [];
  const run = async (payload: unknown) => {
    const { n } = payload as { n: number };
    seen.push(n);
    fails = n === 1;
  };
  await jobs.work({ note: handler(run) });
  const enqueue = (n: number) =>
    stage.database.write((manager) => jobs.enqueue(manager, { kind: 'note', payload: { n } }));
  await enqueue(1);
  await until(() => faults.length > 0);
  await pause(500);
  fails = false;
  await enqueue(2);
  await until(async () => (await jobs.counts()).length === 0);
  expect(seen).toEqual([1, 2]);
  await jobs.stop(5_000);
  await stage.close();
});
