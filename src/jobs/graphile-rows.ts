import type { EntityManager } from 'typeorm';
import { describeError, type NewJob } from './jobs.js';

/** Attempts are counted here, not there: more than any schedule has. */
const noLimit = 32_767;

/** A job that a worker has in hand. */
export interface HeldJob {
  id: string;
  kind: string;
  lockedBy: string;
  envelope: JobEnvelope;
}

/** A failed attempt of a job. */
export interface Failure {
  error: unknown;
  /** Attempts made, this one included. */
  attempts: number;
  /** With null no other follows. */
  retryAt: Date | null;
}

type WhereOneWaits = 'REPLACE' | 'LEAVE';

/**
 * Adds a job to the caller's transaction. Where one of its key waits, `REPLACE` puts this in its place and `LEAVE` keeps that;
 * where one runs, this becomes what runs after it.
 */
export function placeJob(
  manager: EntityManager,
  job: NewJob,
  whereOneWaits: WhereOneWaits = 'REPLACE',
): Promise<void> {
  const { kind, payload, key = null, runAt = null } = job;
  return place(manager, { kind, envelope: { payload, key, attempts: 0 }, runAt }, whereOneWaits);
}

interface Placed {
  kind: string;
  envelope: JobEnvelope;
  /** Now where null. */
  runAt: Date | null;
}

async function place(manager: EntityManager, job: Placed, whereOneWaits: WhereOneWaits): Promise<void> {
  const { payload, key } = job.envelope;
  if (key === null) return void (await addJob(manager, job, 'replace'));
  // If there is a job of its key, this locks that row instead, which stays as it is until the commit.
  const present = await addJob(manager, job, 'unsafe_dedupe');
  if (present.isNew) return;
  if (present.isRunning) {
    if (whereOneWaits === 'LEAVE' && present.hasNext) return;
    await setNext(manager, present.id, { payload, runAt: job.runAt?.toISOString() ?? null });
  } else if (whereOneWaits === 'REPLACE') {
    await addJob(manager, job, 'replace');
  }
}

/** Ends the attempt at a job, with what follows from it, unless another process has taken the job over. */
export async function settleJob(
  manager: EntityManager,
  { id, kind, lockedBy }: HeldJob,
  failure: Failure | null,
): Promise<void> {
  // A row of another id comes in its place: graphile-worker removes the one it knows once the task has returned.
  const envelope = await removeHeld(manager, id, lockedBy);
  if (envelope === null) return;
  const { next, ...own } = envelope;
  if (failure?.retryAt === null) await keepExhausted(manager, kind, own, failure);
  const { payload, key } = own;
  if (next) {
    const runAt = next.runAt === null ? null : new Date(next.runAt);
    await place(manager, { kind, envelope: { payload: next.payload, key, attempts: 0 }, runAt }, 'LEAVE');
  } else if (failure?.retryAt) {
    const retried = { payload, key, attempts: failure.attempts };
    await place(manager, { kind, envelope: retried, runAt: failure.retryAt }, 'LEAVE');
  }
}

interface Present {
  id: string;
  isNew: boolean;
  isRunning: boolean;
  hasNext: boolean;
}

/** `replace` puts it in the place of a waiting one of its key; `unsafe_dedupe` adds nothing where there is any. */
async function addJob(
  manager: EntityManager,
  { kind, envelope, runAt }: Placed,
  mode: 'replace' | 'unsafe_dedupe',
): Promise<Present> {
  const [row] = await query<Present>(
    manager,
    `SELECT id, revision = 0 AS "isNew", locked_at IS NOT NULL AS "isRunning", payload::jsonb ? 'next' AS "hasNext"
     FROM ${jobSchema}.add_job($1, $2::json, run_at => $3, max_attempts => $4, job_key => $5, job_key_mode => $6)`,
    [kind, JSON.stringify(envelope), runAt?.toISOString() ?? null, noLimit, envelope.key, mode],
  );
  if (row === undefined) throw new Error('A job was not added.');
  return row;
}

/** Without its key, which another may have from now on. */
async function keepExhausted(
  manager: EntityManager,
  kind: string,
  envelope: JobEnvelope,
  { error, attempts }: Failure,
): Promise<void> {
  const [kept] = await query<{ id: string }>(
    manager,
    `SELECT id FROM ${jobSchema}.add_job($1, $2::json, max_attempts => 1)`,
    [kind, JSON.stringify({ ...envelope, attempts })],
  );
  await manager.query(`SELECT FROM ${jobSchema}.permanently_fail_jobs(ARRAY[$1::bigint], $2)`, [
    kept?.id,
    describeError(error),
  ]);
}

/** The schema of graphile-worker's tables. A name of our own keeps other uses in the same database apart. */
export const jobSchema = 'claimcheck_jobs';

/*
 * All that is asked of the table behind graphile-worker's functions and views, which may change with its version. The view of
 * jobs leaves the payload out, and the functions pass over a job that is locked.
 */
const privateJobs = `${jobSchema}._private_jobs`;

/** The view of jobs as `job`, and their payloads as `kept`. */
export const jobsWithPayload = `${jobSchema}.jobs job JOIN ${privateJobs} kept ON kept.id = job.id`;

/** The payload that graphile-worker keeps of a job: ours, beside facts that it has no columns for. */
export interface JobEnvelope {
  payload: object;
  key: string | null;
  /** Attempts made before graphile-worker began to count. */
  attempts: number;
  /** A job of the same key that runs once this one is over. */
  next?: { payload: object; runAt: string | null };
}

/** Removes a job that this worker holds; null if another holds it, or none. */
async function removeHeld(manager: EntityManager, id: string, lockedBy: string): Promise<JobEnvelope | null> {
  const [row] = await query<{ payload: JobEnvelope }>(
    manager,
    `WITH gone AS (DELETE FROM ${privateJobs} WHERE id = $1 AND locked_by = $2 RETURNING payload)
     SELECT payload FROM gone`,
    [id, lockedBy],
  );
  return row?.payload ?? null;
}

/** Puts a job back as if it had not been taken. */
export async function releaseJob(
  manager: EntityManager,
  { id, lockedBy }: { id: string; lockedBy: string },
): Promise<void> {
  await manager.query(`${putBack} WHERE id = $1 AND locked_by = $2`, [id, lockedBy]);
}

/** Jobs that a worker has taken and not ended, each with the attempt it was taken for. */
export interface InHand {
  workerId: string;
  attempts: ReadonlyMap<string, number>;
}

/**
 * Has jobs run again that a worker took at least `leaseMs` ago without ever hearing of it: where a connection ends between a
 * commit and its answer. What it never began does not count as an attempt.
 */
export async function unlockUnknownJobs(
  manager: EntityManager,
  { workerId, attempts }: InHand,
  leaseMs: number,
): Promise<void> {
  await manager.query(
    `${putBack}
     WHERE locked_by = $1 AND locked_at < now() - $2 * interval '1 millisecond'
       AND (id::text, attempts::int) NOT IN (SELECT * FROM unnest($3::text[], $4::int[]))`,
    [workerId, leaseMs, [...attempts.keys()], [...attempts.values()]],
  );
}

const putBack = `UPDATE ${privateJobs}
  SET locked_at = NULL, locked_by = NULL, attempts = greatest(attempts - 1, 0)`;

/** Says of a job that runs which one follows. */
async function setNext(manager: EntityManager, id: string, next: JobEnvelope['next']): Promise<void> {
  await manager.query(
    `UPDATE ${privateJobs} SET payload = (payload::jsonb || $2::jsonb)::json WHERE id = $1`,
    [id, JSON.stringify({ next })],
  );
}

export async function query<Row>(
  manager: Pick<EntityManager, 'query'>,
  sql: string,
  parameters: unknown[] = [],
): Promise<readonly Row[]> {
  return manager.query<Row[]>(sql, parameters);
}
