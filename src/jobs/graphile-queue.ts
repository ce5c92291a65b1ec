import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type Runner, run, type WorkerEvents } from 'graphile-worker';
import type pg from 'pg';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import {
  type HeldJob,
  type InHand,
  type JobEnvelope,
  jobSchema,
  releaseJob,
  settleJob,
} from './graphile-rows.js';
import type { Attempt, JobHandler, OnJobFailure } from './jobs.js';

interface QueueOptions {
  database: Database;
  clock: () => Date;
  pool: pg.Pool;
  /** Aborted when the process stops. */
  signal: AbortSignal;
  pollMs: number;
  onFailure: OnJobFailure;
}

/** The longest wait for jobs in hand, once graphile-worker stops by itself. */
const shutdownMs = 5_000;
/** The time in which it comes to an end if it comes to one at all. */
const endMs = 250;

/** An event of ours beside those of graphile-worker. */
const errorLogged = 'claimcheck:errorLogged';

/** Thrown to graphile-worker for a job that has been put back. */
const givenBack = new Error('The job has been put back.');

/** The jobs of one kind, as this process takes and runs them. */
export class GraphileQueue {
  readonly #options: QueueOptions;
  readonly #kind: string;
  readonly #handler: JobHandler;
  #runner: Runner | null = null;
  #workerId: string | null = null;
  /** Jobs that have been taken, by id, with the attempt that each was taken for. */
  readonly #taken = new Map<string, number>();

  constructor(kind: string, handler: JobHandler, options: QueueOptions) {
    this.#kind = kind;
    this.#handler = handler;
    this.#options = options;
  }

  /** Under which jobs are locked; null while none can be. */
  get workerId(): string | null {
    return this.#workerId;
  }

  /** As of now; null while no jobs can be taken. */
  inHand(): InHand | null {
    return this.#workerId === null ? null : { workerId: this.#workerId, attempts: new Map(this.#taken) };
  }

  /** Takes and runs jobs until the signal. What stops graphile-worker before, such as a lost connection, is told and it starts anew. */
  async run(): Promise<void> {
    const { signal, pollMs, onFailure } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#runUntilStopped();
      } catch (error) {
        if (!signal.aborted) onFailure(error, null);
      }
      await sleep(pollMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Lets running jobs end, after the signal. */
  async stop(): Promise<void> {
    // It refuses where it is stopping already; `run` ends with it either way.
    await this.#runner?.stop().catch(() => undefined);
  }

  async #runUntilStopped(): Promise<void> {
    const events = this.#listen();
    const failed = Promise.race([this.#shutdownFailed(events), this.#firstLooksFailed(events)]);
    // It may fail while the start is under way.
    failed.catch(() => undefined);
    try {
      this.#runner = await this.#start(events);
      if (this.#options.signal.aborted) await this.#runner.stop();
      await Promise.race([this.#runner.promise, failed]);
    } finally {
      // It rejects if the runner has stopped already.
      void this.#runner?.stop().catch(() => undefined);
      this.#runner = null;
      this.#workerId = null;
      this.#taken.clear();
    }
  }

  /**
   * Rejects if graphile-worker stops by itself without coming to an end. Connections that end leave it in that state. The wait is
   * over once nothing is in hand: no job is taken until the next start. A job that is still in hand goes on, and runs again
   * elsewhere if it does not end either.
   */
  async #shutdownFailed(events: EventEmitter): Promise<never> {
    await Promise.race([once(events, 'pool:gracefulShutdown'), once(events, 'pool:forcefulShutdown')]);
    const { signal } = this.#options;
    // A stop that was asked for waits for running jobs, and is bounded elsewhere.
    if (signal.aborted) await new Promise(() => undefined);
    const begun = performance.now();
    do await sleep(endMs, undefined, { ref: false, signal }).catch(() => undefined);
    while (!signal.aborted && this.#taken.size > 0 && performance.now() - begun < shutdownMs);
    throw new Error('The worker has stopped without coming to an end, and is started anew.');
  }

  /**
   * Rejects if two errors come before a look for jobs has succeeded. graphile-worker keeps the outcome of asking for the numbers of
   * its tasks: if that failed, no later look finds anything. After one error the next look may succeed, and the worker that has
   * taken a job without hearing of it keeps its name.
   */
  async #firstLooksFailed(events: EventEmitter): Promise<never> {
    const isUsable = await Promise.race([
      once(events, 'localQueue:getJobs:complete').then(() => true),
      once(events, errorLogged)
        .then(() => once(events, errorLogged))
        .then(() => false),
    ]);
    if (isUsable) await new Promise(() => undefined);
    throw new Error('The worker cannot look for jobs, and is started anew.');
  }

  #start(events: EventEmitter): Promise<Runner> {
    const { pool, pollMs, onFailure } = this.#options;
    const { concurrency } = this.#handler;
    return run({
      pgPool: pool,
      schema: jobSchema,
      logger: createLogger((error, job) => {
        events.emit(errorLogged);
        onFailure(error, job);
      }),
      events,
      noHandleSignals: true,
      parsedCronItems: [],
      concurrency,
      pollInterval: pollMs,
      // One query takes as many jobs as there is room for. Where ended ones did not go in batches, a lost connection would end the process.
      preset: {
        worker: { localQueue: { size: concurrency }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
      taskList: {
        [this.#kind]: async (payload, { job: { id, attempts, locked_by } }) => {
          const held = { id, kind: this.#kind, lockedBy: locked_by ?? '', envelope: payload as JobEnvelope };
          try {
            await this.#perform(held, held.envelope.attempts + attempts);
          } finally {
            this.#forget({ id, attempts });
          }
        },
      },
    });
  }

  #listen(): EventEmitter {
    const emitter = new EventEmitter();
    const events: WorkerEvents = emitter;
    events.on('pool:create', ({ workerPool }) => {
      this.#workerId = workerPool.id;
    });
    events.on('localQueue:getJobs:complete', ({ jobs }) => {
      for (const { id, attempts } of jobs) this.#taken.set(id, attempts);
    });
    events.on('localQueue:returnJobs', ({ jobs }) => {
      for (const job of jobs) this.#forget(job);
    });
    return emitter;
  }

  /** Another attempt at the same job may have been taken meanwhile. */
  #forget({ id, attempts }: { id: string; attempts: number }): void {
    if (this.#taken.get(id) === attempts) this.#taken.delete(id);
  }

  async #perform(held: HeldJob, number: number): Promise<void> {
    const { clock, signal, onFailure } = this.#options;
    const { retryDelaysMs, giveUp } = this.#handler;
    const isLast = number > retryDelaysMs.length;
    const failed = await this.#attempt(held, { number, isLast });
    if (failed === null) return this.#untilWritten((manager) => settleJob(manager, held, null));
    if (signal.aborted) {
      await this.#untilWritten((manager) => releaseJob(manager, held));
      throw givenBack;
    }
    onFailure(failed.error, { kind: this.#kind, attempts: number, isLast });
    if (isLast) await giveUp?.(held.envelope.payload);
    const retryAt = isLast ? null : new Date(clock().getTime() + (retryDelaysMs[number - 1] ?? 0));
    const failure = { error: failed.error, attempts: number, retryAt };
    await this.#untilWritten((manager) => settleJob(manager, held, failure));
  }

  async #attempt(
    { envelope }: HeldJob,
    { number, isLast }: Omit<Attempt, 'signal'>,
  ): Promise<{ error: unknown } | null> {
    const { retryDelaysMs, run: perform } = this.#handler;
    try {
      // A job that has ended the process in its last attempt comes back once more, to be given up.
      if (number > retryDelaysMs.length + 1) throw new Error('The process ended during the last attempt.');
      await perform(envelope.payload, { number, isLast, signal: this.#options.signal });
      return null;
    } catch (error) {
      return { error };
    }
  }

  /** While the database is away the outcome is kept in mind; where the process ends meanwhile, the job runs again. */
  async #untilWritten(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    const { database, signal, pollMs, onFailure } = this.#options;
    for (;;) {
      try {
        return await database.write(work);
      } catch (error) {
        if (signal.aborted) throw error;
        onFailure(error, null);
        await sleep(pollMs);
      }
    }
  }
}

/** Passes on what graphile-worker reports as an error. */
export function createLogger(onFailure: OnJobFailure): Logger {
  return new Logger(() => (level, message, meta) => {
    const error: unknown = meta?.['error'] ?? new Error(message);
    if (level === 'error' && error !== givenBack) onFailure(error, null);
  });
}
