import type { EntityManager } from 'typeorm';
import type { NewRow } from '../database/creations.js';

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

/** Told of every attempt that fails, and of faults of the engine itself; `job` is null for those. */
export type OnJobFailure = (
  error: unknown,
  job: { kind: string; attempts: number; isLast: boolean } | null,
) => void;

const maxErrorLength = 1_000;

/** The text kept of an error that used up a job's attempts. */
export function describeError(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxErrorLength);
}
