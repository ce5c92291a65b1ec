import { setMaxListeners } from 'node:events';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { JobRow } from '../database/entities/job.js';
import { countJobs, insertJob, JobTable, retryExhausted, toRow } from './embedded-rows.js';
import type {
  Attempt,
  ExhaustedJob,
  JobAsRow,
  JobCounts,
  JobHandler,
  JobHandlers,
  Jobs,
  NewJob,
  OnJobFailure,
} from './jobs.js';

export interface EmbeddedJobsOptions {
  database: Database;
  clock: () => Date;
  onFailure: OnJobFailure;
  /** A process that has not been heard of for so long counts as dead, and its jobs run again. */
  leaseMs?: number;
  /** How often to look for jobs that other processes have enqueued, or left behind. */
  pollMs?: number;
}

const heartbeatsPerLease = 3;

/** Jobs held of a kind, by how many of them may run: what waits here begins without waiting for the database. */
const takeAhead = 3;

/** The jobs of one kind that this process has taken. */
interface Lane {
  kind: string;
  handler: JobHandler;
  ready: JobRow[];
  running: number;
}

/** Jobs in a table of the embedded database, run by the process that made them, or another on the same file. */
export class EmbeddedJobs implements Jobs {
  readonly #options: Required<EmbeddedJobsOptions>;
  readonly #table: JobTable;
  readonly #abort = new AbortController();
  /** Attempts until their end has been written. */
  readonly #attempts = new Map<Promise<void>, string>();
  readonly #timers: NodeJS.Timeout[] = [];
  #lanes: Lane[] = [];
  #isWorking = false;
  #housekeeping: Promise<void> = Promise.resolve();
  #pumping: Promise<void> | null = null;
  #isWoken = false;

  constructor(options: EmbeddedJobsOptions) {
    this.#options = { leaseMs: 15_000, pollMs: 1_000, ...options };
    this.#table = new JobTable(this.#options);
    // Every attempt listens.
    setMaxListeners(0, this.#abort.signal);
  }

  async enqueue(manager: EntityManager, job: NewJob): Promise<void> {
    const now = this.#options.clock();
    await insertJob(manager, job, now);
    const delay = (job.runAt ?? now).getTime() - now.getTime();
    // Taking jobs is a write of its own, and so comes after the commit of this one.
    if (delay <= 0) setImmediate(() => this.#wake());
    else if (delay < this.#options.pollMs) setTimeout(() => this.#wake(), delay).unref();
  }

  asRow(job: NewJob): JobAsRow {
    return { entity: JobRow, row: toRow(job, this.#options.clock()), begin: () => this.#wake() };
  }

  async work(handlers: JobHandlers): Promise<void> {
    const { leaseMs, pollMs } = this.#options;
    this.#lanes = Object.entries(handlers).map(([kind, handler]) => ({
      kind,
      handler,
      ready: [],
      running: 0,
    }));
    this.#isWorking = true;
    const poll = async () => {
      await this.#table.freeAbandoned();
      this.#wake();
    };
    const renew = async () => {
      const ids = [
        ...this.#attempts.values(),
        ...this.#lanes.flatMap(({ ready }) => ready.map(({ id }) => id)),
      ];
      if (ids.length > 0) await this.#table.renewLeases(ids);
    };
    this.#timers.push(
      setInterval(() => this.#keepHouse(poll), pollMs),
      setInterval(() => this.#keepHouse(renew), leaseMs / heartbeatsPerLease),
    );
    await poll();
  }

  /** One after the other, so that a slow database is not asked ever more. */
  #keepHouse(work: () => Promise<void>): void {
    this.#housekeeping = this.#housekeeping
      .then(work)
      .catch((error: unknown) => this.#options.onFailure(error, null));
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isWorking = false;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#housekeeping;
    await this.#pumping;
    this.#abort.abort();
    const timer = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([Promise.all([...this.#attempts.keys(), ...this.#giveBackReady()]), timer]);
  }

  #giveBackReady(): Promise<unknown>[] {
    const ready = this.#lanes.flatMap((lane) => lane.ready.splice(0));
    return ready.map((job) =>
      this.#table.release(job).catch((error: unknown) => this.#options.onFailure(error, null)),
    );
  }

  counts(): Promise<JobCounts[]> {
    return countJobs(this.#options.database.aside, this.#options.clock());
  }

  async exhausted(limit: number): Promise<ExhaustedJob[]> {
    const rows = await this.#options.database.read.find(JobRow, {
      where: { state: 'EXHAUSTED' },
      order: { failedAt: 'DESC', id: 'DESC' },
      take: limit,
    });
    return rows.map(({ id, kind, key, payload, attempts, lastError, failedAt, createdAt }) => {
      const failure = { lastError: lastError ?? '', failedAt: failedAt ?? createdAt };
      return { id, kind, key, payload, attempts, ...failure };
    });
  }

  async retryExhausted(id: string | null): Promise<number> {
    const count = await retryExhausted(this.#options.database, id, this.#options.clock());
    if (count > 0) this.#wake();
    return count;
  }

  /** Takes and starts what is due, once more if it is woken meanwhile. */
  #wake(): void {
    this.#isWoken = true;
    if (!this.#isWorking) return;
    this.#pumping ??= this.#pump()
      .catch((error: unknown) => this.#options.onFailure(error, null))
      .finally(() => {
        this.#pumping = null;
      });
  }

  async #pump(): Promise<void> {
    while (this.#isWoken && this.#isWorking) {
      this.#isWoken = false;
      await Promise.all(this.#lanes.map((lane) => this.#fill(lane)));
    }
  }

  /** Takes jobs when there is little left to begin with, and then many at once: each time is a write. */
  async #fill(lane: Lane): Promise<void> {
    const { kind, handler, ready, running } = lane;
    if (ready.length >= handler.concurrency) return;
    const room = handler.concurrency * takeAhead - ready.length - running;
    ready.push(...(await this.#table.take(kind, room)));
    this.#begin(lane);
  }

  #begin(lane: Lane): void {
    while (this.#isWorking && lane.running < lane.handler.concurrency) {
      const job = lane.ready.shift();
      if (job === undefined) return;
      lane.running += 1;
      const attempt = this.#run(job, lane).finally(() => this.#attempts.delete(attempt));
      this.#attempts.set(attempt, job.id);
    }
  }

  /** Never rejects. The next job begins when this one is over, not when that has been written. */
  async #run(job: JobRow, lane: Lane): Promise<void> {
    const { retryDelaysMs } = lane.handler;
    const number = job.attempts;
    const isLast = number > retryDelaysMs.length;
    const failure = await this.#attempt(job, lane.handler, { number, isLast });
    lane.running -= 1;
    this.#begin(lane);
    this.#wake();
    try {
      if (failure === null) await this.#table.finish(job);
      else
        await this.#settle(
          job,
          failure.error,
          isLast ? null : (retryDelaysMs[number - 1] ?? 0),
          lane.handler,
        );
    } catch (error) {
      // The lease runs out, and then the job runs again.
      this.#options.onFailure(error, null);
    }
    if (job.key !== null) this.#wake();
  }

  async #attempt(
    { payload }: JobRow,
    handler: JobHandler,
    { number, isLast }: Omit<Attempt, 'signal'>,
  ): Promise<{ error: unknown } | null> {
    try {
      // A job that has ended the process in its last attempt comes back once more, to be given up.
      if (number > handler.retryDelaysMs.length + 1)
        throw new Error('The process ended during the last attempt.');
      await handler.run(payload, { number, isLast, signal: this.#abort.signal });
      return null;
    } catch (error) {
      return { error };
    }
  }

  async #settle(job: JobRow, error: unknown, delayMs: number | null, handler: JobHandler): Promise<void> {
    if (this.#abort.signal.aborted) {
      await this.#table.release(job);
      return;
    }
    const { kind, attempts, payload } = job;
    this.#options.onFailure(error, { kind, attempts, isLast: delayMs === null });
    const runAt = delayMs === null ? null : new Date(this.#options.clock().getTime() + delayMs);
    if (delayMs === null) await handler.giveUp?.(payload);
    await this.#table.fail(job, error, runAt);
    if (delayMs !== null && delayMs < this.#options.pollMs) {
      setTimeout(() => this.#wake(), delayMs).unref();
    }
  }
}
