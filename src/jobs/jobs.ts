import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import type { NewRow } from '../database/creations.js';
import type { Database } from '../database/database.js';
import { JobRow } from '../database/entities/job.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows, readRows } from '../database/read-rows.js';
import { before, In } from '../database/typeorm.js';
import { newId } from '../new-id.js';

/** Work to be done after the answer: kept until it has succeeded, or has used up its attempts. */
export interface NewJob {
  /** Says which handler it is for. */
  kind: string;
  /** The argument of the handler, kept as JSON. */
  payload: object;
  /**
   * At most one job of a key waits at any time: enqueueing another takes the first one's place. One that is running already is
   * not touched; the new one runs after it.
   */
  key?: string;
  /** Not before this; now where left out. */
  runAt?: Date;
}

/** One attempt at a job, as its handler sees it. */
export interface Attempt {
  /** Counts from 1, over restarts too. */
  number: number;
  /** No further attempt follows a failure of this one. */
  isLast: boolean;
  /** Aborted when the process stops; what is then given up runs again later. */
  signal: AbortSignal;
}

/** Handles one kind of job. Runs at least once for each job, so repeating it must be harmless. */
export interface JobHandler {
  /** Milliseconds between attempts; after the last of them a job that fails again is kept as exhausted. */
  retryDelaysMs: readonly number[];
  /** How many of the kind may run at once in this process. */
  concurrency: number;
  run(payload: unknown, attempt: Attempt): Promise<void>;
  /** Called before a job is kept as exhausted, even where its last attempt ended the process; may be repeated. */
  giveUp?(payload: unknown): Promise<void>;
}

export type JobHandlers = Readonly<Record<string, JobHandler>>;

/** A job whose attempts are used up. */
export interface ExhaustedJob {
  id: string;
  kind: string;
  key: string | null;
  payload: unknown;
  attempts: number;
  lastError: string;
  failedAt: Date;
}

/** The most jobs of one kind and state that are counted. */
export const maxJobCount = 100_000;

/** How many jobs of a kind wait or run, how many are exhausted, and since when the oldest that is due has been. */
export interface JobCounts {
  kind: string;
  waiting: number;
  running: number;
  exhausted: number;
  /** Null where none is due. */
  oldestDueAt: Date | null;
}

/** A job that somebody else inserts. */
export interface JobAsRow extends NewRow {
  /** To be called once its row is there. */
  begin(): void;
}

/** Durable work, whatever keeps it. */
export interface Jobs {
  /** Adds a job inside the caller's transaction: it is there once that has been committed, and never was otherwise. */
  enqueue(manager: EntityManager, job: NewJob): Promise<void>;
  /** A job that is due now, of a key that is new, to be inserted beside other rows; null if jobs are no rows of ours. */
  asRow(job: NewJob): JobAsRow | null;
  /** Begins to run jobs, those left by a process that died too. Called once at most. */
  work(handlers: JobHandlers): Promise<void>;
  /** Takes no more jobs, lets running ones finish for `timeoutMs` at most, and gives the rest back. */
  stop(timeoutMs: number): Promise<void>;
  counts(): Promise<JobCounts[]>;
  /** The latest first, `limit` at most. */
  exhausted(limit: number): Promise<ExhaustedJob[]>;
  /**
   * Gives one exhausted job, or with null each one that is at this moment, its attempts again, due at once. Where another of its
   * key waits already, that one does for both. Returns how many: 0 where there is none of that id.
   */
  retryExhausted(id: string | null): Promise<number>;
}

const maxErrorLength = 1_000;
const unlocked = { lockedBy: null, lockedUntil: null };

export async function insertJob(manager: EntityManager, job: NewJob, now: Date): Promise<void> {
  const row = toRow(job, now);
  const { key } = row;
  if (key !== null)
    await changeRows(manager, (sql) => `DELETE FROM jobs WHERE key = ${sql.add(key)} AND state = 'WAITING'`);
  await insertRow(manager, JobRow, row);
}

/** The row of a job that nobody has inserted yet. */
export function toRow({ kind, payload, key, runAt }: NewJob, now: Date): JobRow {
  const fresh = { state: 'WAITING' as const, attempts: 0, lastError: null, failedAt: null, ...unlocked };
  return { id: newId(), kind, key: key ?? null, payload, runAt: runAt ?? now, createdAt: now, ...fresh };
}

/** The jobs of one process: each statement touches no others, so that one whose lease has run out changes nothing. */
export class JobTable {
  readonly #database: Database;
  readonly #clock: () => Date;
  readonly #leaseMs: number;
  readonly #me = newId();
  readonly #finished: string[] = [];
  #finishing: Promise<void> | null = null;

  constructor(options: { database: Database; clock: () => Date; leaseMs: number }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
  }

  /** Takes up to `count` due jobs of a kind in hand, the longest due first; each counts an attempt thereby. */
  take(kind: string, count: number): Promise<JobRow[]> {
    return this.#database.write(async (manager) => {
      const now = this.#clock();
      const due = await findDue(manager, kind, now, count);
      if (due.length === 0) return [];
      const ids = due.map(({ id }) => id);
      const affected = await changeRows(
        manager,
        (sql) => `UPDATE jobs SET state = 'RUNNING', attempts = attempts + 1,
          locked_by = ${sql.add(this.#me)}, locked_until = ${sql.add(this.#leaseEnd(now).getTime())}
          WHERE ${sql.isOneOf('id', ids)} AND state = 'WAITING'`,
      );
      if (affected !== due.length) throw new Error('Two processes took the same jobs.');
      return due.map((job) => Object.assign(job, { attempts: job.attempts + 1 }));
    });
  }

  /** Removes a job that has succeeded. Those that end at about the same time go in one statement. */
  finish({ id }: JobRow): Promise<void> {
    this.#finished.push(id);
    this.#finishing ??= nextTurn().then(() => {
      this.#finishing = null;
      const ids = this.#finished.splice(0);
      return this.#database.write(
        async (manager) =>
          void (await changeRows(
            manager,
            (sql) => `DELETE FROM jobs
              WHERE ${sql.isOneOf('id', ids)} AND state = 'RUNNING' AND locked_by = ${sql.add(this.#me)}`,
          )),
      );
    });
    return this.#finishing;
  }

  /** Another attempt follows at `runAt`; with null there is none. Returns false where the lease was lost. */
  async fail(job: JobRow, error: unknown, runAt: Date | null): Promise<boolean> {
    const lastError = describe(error);
    const next = runAt
      ? { state: 'WAITING' as const, runAt, lastError, ...unlocked }
      : { state: 'EXHAUSTED' as const, failedAt: this.#clock(), lastError, ...unlocked };
    const { affected } = await this.#database.write((manager) =>
      manager.update(JobRow, this.#mine(job), next),
    );
    return affected === 1;
  }

  /** Puts a job back as if it had not been taken. */
  release(job: JobRow): Promise<unknown> {
    const back = { state: 'WAITING' as const, attempts: job.attempts - 1, ...unlocked };
    return this.#database.write((manager) => manager.update(JobRow, this.#mine(job), back));
  }

  renewLeases(ids: readonly string[]): Promise<unknown> {
    const lockedUntil = this.#leaseEnd(this.#clock());
    const mine = { id: In(ids), state: 'RUNNING' as const, lockedBy: this.#me };
    return this.#database.write((manager) => manager.update(JobRow, mine, { lockedUntil }));
  }

  /** Frees the jobs of processes that have died. */
  async freeAbandoned(): Promise<void> {
    const abandoned = { state: 'RUNNING' as const, lockedUntil: before(this.#clock()) };
    if (!(await this.#database.read.existsBy(JobRow, abandoned))) return;
    await this.#database.write((manager) =>
      manager.update(JobRow, abandoned, { state: 'WAITING', ...unlocked }),
    );
  }

  #leaseEnd(now: Date): Date {
    return new Date(now.getTime() + this.#leaseMs);
  }

  #mine({ id, attempts }: JobRow) {
    return { id, attempts, state: 'RUNNING' as const, lockedBy: this.#me };
  }
}

/** Those whose key is not running already. */
function findDue(manager: EntityManager, kind: string, now: Date, count: number): Promise<JobRow[]> {
  const isRunning = `EXISTS (SELECT 1 FROM jobs other WHERE other.key = "row".key AND other.state = 'RUNNING')`;
  return readRows(
    manager,
    JobRow,
    (sql) => `state = 'WAITING' AND kind = ${sql.add(kind)} AND run_at <= ${sql.add(now.getTime())}
      AND (key IS NULL OR NOT ${isRunning}) ORDER BY run_at, id LIMIT ${sql.add(count)}`,
  );
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxErrorLength);
}
