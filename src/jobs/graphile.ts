import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { runMigrations } from 'graphile-worker';
import type pg from 'pg';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import {
  countGraphileJobs,
  exhaustedIds,
  listExhausted,
  newestJobId,
  retryOne,
} from './graphile-exhausted.js';
import { createLogger, GraphileQueue } from './graphile-queue.js';
import { jobSchema, placeJob, query, unlockUnknownJobs } from './graphile-rows.js';
import type { ExhaustedJob, JobCounts, JobHandlers, Jobs, NewJob, OnJobFailure } from './jobs.js';

export interface GraphileJobsOptions {
  database: Database;
  clock: () => Date;
  /** Connections for taking jobs, apart from those of `database`; made when `work` begins, ended by `stop`. */
  createPool(): pg.Pool;
  onFailure: OnJobFailure;
  /** A process that has not been heard of for so long counts as dead, and its jobs run again. */
  leaseMs?: number;
  /** How often to look for jobs that have come due; of new ones the database tells. */
  pollMs?: number;
}

const heartbeatsPerLease = 3;
const batchSize = 200;
/** An advisory lock: whoever makes the tables holds it. */
const migrationLock = 4_277_009_103;

/** Makes the tables of the engine as needed, once although several processes start together. */
export async function migrateGraphileJobs({
  database,
  createPool,
  onFailure,
}: Pick<GraphileJobsOptions, 'database' | 'createPool' | 'onFailure'>): Promise<void> {
  const pool = createPool();
  try {
    await database.write(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
      await runMigrations({ pgPool: pool, schema: jobSchema, logger: createLogger(onFailure) });
      await createLiveWorkers(manager);
    });
  } finally {
    await pool.end();
  }
}

/**
 * Jobs on PostgreSQL, taken by graphile-worker: any number of processes share them, and each hears of a new one at its commit.
 * Retries, keys and dead processes are ours: its own retries follow a fixed schedule, it lets jobs of one key run at once, and
 * leaves those of a killed process for four hours.
 */
export class GraphileJobs implements Jobs {
  readonly #options: Required<GraphileJobsOptions>;
  readonly #abort = new AbortController();
  #queues: GraphileQueue[] = [];
  #pool: pg.Pool | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #heartbeat: NodeJS.Timeout | undefined;
  #housekeeping: Promise<void> = Promise.resolve();
  #letRejectionsBe: () => void = () => {};

  constructor(options: GraphileJobsOptions) {
    this.#options = { leaseMs: 15_000, pollMs: 1_000, ...options };
    // Every attempt listens.
    setMaxListeners(0, this.#abort.signal);
  }

  enqueue(manager: EntityManager, job: NewJob): Promise<void> {
    return placeJob(manager, job);
  }

  asRow(): null {
    return null;
  }

  async work(handlers: JobHandlers): Promise<void> {
    const { createPool, leaseMs, onFailure } = this.#options;
    const pool = createPool();
    this.#pool = pool;
    this.#letRejectionsBe = keepRejections((error) => onFailure(error, null));
    const options = { ...this.#options, pool, signal: this.#abort.signal };
    this.#queues = Object.entries(handlers).map(
      ([kind, handler]) => new GraphileQueue(kind, handler, options),
    );
    this.#running = Promise.all(this.#queues.map((queue) => queue.run()));
    this.#heartbeat = setInterval(() => this.#keepHouse(), leaseMs / heartbeatsPerLease);
    await this.#keepHouse();
  }

  /** One after the other, so that a slow database is not asked ever more. */
  #keepHouse(): Promise<void> {
    const { database, leaseMs, onFailure } = this.#options;
    this.#housekeeping = this.#housekeeping
      .then(() =>
        database.write(async (manager) => {
          await keepAlive(manager, this.#workerIds(), leaseMs);
          await unlockDeadWorkers(manager, leaseMs);
          for (const held of this.#queues.flatMap((queue) => queue.inHand() ?? [])) {
            await unlockUnknownJobs(manager, held, leaseMs);
          }
        }),
      )
      .catch((error: unknown) => onFailure(error, null));
    return this.#housekeeping;
  }

  #workerIds(): string[] {
    return this.#queues.flatMap(({ workerId }) => workerId ?? []);
  }

  async stop(timeoutMs: number): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#housekeeping;
    this.#abort.abort();
    await Promise.race([this.#letEnd(), sleep(timeoutMs, undefined, { ref: false })]);
    this.#letRejectionsBe();
  }

  async #letEnd(): Promise<void> {
    const { database, onFailure } = this.#options;
    const workerIds = this.#workerIds();
    try {
      await Promise.all(this.#queues.map((queue) => queue.stop()));
      await this.#running;
      if (workerIds.length > 0) await database.write((manager) => removeWorkers(manager, workerIds));
      await this.#pool?.end();
    } catch (error) {
      onFailure(error, null);
    }
  }

  counts(): Promise<JobCounts[]> {
    return countGraphileJobs(this.#options.database.aside);
  }

  exhausted(limit: number): Promise<ExhaustedJob[]> {
    return listExhausted(this.#options.database.read, limit);
  }

  async retryExhausted(id: string | null): Promise<number> {
    const { database } = this.#options;
    if (id !== null) return isJobId(id) ? database.write((manager) => retryOne(manager, id)) : 0;
    const upTo = await newestJobId(database.read);
    let count = 0;
    for (let after = '0'; ; ) {
      const ids = await exhaustedIds(database.read, batchSize, { after, upTo });
      for (const each of ids) count += await database.writeInBackground((manager) => retryOne(manager, each));
      if (ids.length < batchSize) return count;
      after = ids.at(-1) ?? after;
    }
  }
}

const isJobId = (id: string): boolean => /^[1-9]\d{0,17}$/.test(id);

/**
 * If a connection is lost while graphile-worker ends, it rejects promises that nobody awaits, which would end the process. None
 * of its events, handlers of errors or ways to stop reaches those promises. Its jobs are unlocked like those of a dead worker.
 * Such a rejection goes to `onFault`; any other ends the process as usual. The result removes the handler.
 */
function keepRejections(onFault: (error: unknown) => void): () => void {
  const handle = (error: unknown) => {
    if (!isFromWorker(error)) throw error;
    onFault(error);
  };
  process.on('unhandledRejection', handle);
  return () => process.off('unhandledRejection', handle);
}

function isFromWorker(error: unknown): boolean {
  return error instanceof Error && /[\\/]graphile-worker[\\/]/.test(error.stack ?? '');
}

/** For what graphile-worker does not know by itself: which of those that hold jobs still live. By the database's clock. */
async function createLiveWorkers(manager: EntityManager): Promise<void> {
  await manager.query(
    `CREATE TABLE IF NOT EXISTS ${jobSchema}.live_workers (id text PRIMARY KEY, alive_until timestamptz NOT NULL)`,
  );
}

/** Says that these live, for `leaseMs` from now on. */
async function keepAlive(manager: EntityManager, ids: readonly string[], leaseMs: number): Promise<void> {
  await manager.query(
    `INSERT INTO ${jobSchema}.live_workers (id, alive_until)
     SELECT id, now() + $2 * interval '1 millisecond' FROM unnest($1::text[]) id ORDER BY id
     ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until`,
    [[...ids], leaseMs],
  );
}

/** Says that these are gone, and have nothing in hand. */
async function removeWorkers(manager: EntityManager, ids: readonly string[]): Promise<void> {
  await manager.query(`DELETE FROM ${jobSchema}.live_workers WHERE id = ANY($1)`, [[...ids]]);
}

/** Has jobs of workers that have died run again. One that has just begun may not have said yet that it lives. */
async function unlockDeadWorkers(manager: EntityManager, leaseMs: number): Promise<void> {
  const dead = await query<{ id: string }>(
    manager,
    `SELECT DISTINCT locked_by AS id FROM ${jobSchema}.jobs job
     WHERE locked_at < now() - $1 * interval '1 millisecond' AND NOT EXISTS (
       SELECT 1 FROM ${jobSchema}.live_workers worker WHERE worker.id = job.locked_by AND alive_until > now())`,
    [leaseMs],
  );
  const ids = dead.map(({ id }) => id);
  if (ids.length > 0) await manager.query(`SELECT ${jobSchema}.force_unlock_workers($1)`, [ids]);
  await manager.query(`DELETE FROM ${jobSchema}.live_workers WHERE alive_until < now() - interval '1 hour'`);
}
