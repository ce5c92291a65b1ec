import type { EntityManager } from 'typeorm';
import type { NewJob } from './jobs.js';

/** Where graphile-worker keeps its tables, so that another use of it in the same database stays apart. */
export const jobSchema = 'claimcheck_jobs';

/** Attempts are counted here, not there: more than any schedule has. */
const noLimit = 32_767;
const maxErrorLength = 1_000;

/** What graphile-worker keeps as the payload of a job. */
export interface Envelope {
  payload: object;
  key: string | null;
  /** Attempts made before graphile-worker began to count. */
  attempts: number;
  /** Of the same key, and to run once this one is over. */
  next?: { payload: object; runAt: string | null };
}

/** A job that a worker has in hand. */
export interface HeldJob {
  id: string;
  kind: string;
  lockedBy: string;
  envelope: Envelope;
}

/** What becomes of a job whose attempt has failed. */
export interface Failure {
  error: unknown;
  /** Attempts made, this one included. */
  attempts: number;
  /** With null no other follows. */
  retryInMs: number | null;
}

/**
 * Adds a job to the caller's transaction. Where one of its key waits, `REPLACE` puts this in its place and `LEAVE` keeps that;
 * where one runs, this becomes what runs after it.
 */
export async function placeJob(
  manager: EntityManager,
  job: NewJob,
  whereOneWaits: 'REPLACE' | 'LEAVE' = 'REPLACE',
): Promise<void> {
  const { kind, payload, key = null, runAt } = job;
  const envelope: Envelope = { payload, key, attempts: 0 };
  if (key === null) return void (await addJob(manager, kind, envelope, runAt));
  await lockKey(manager, key);
  // Whoever takes or ends a job locks its row, so that this stays true until the commit.
  const [present] = await query<{ id: string; isRunning: boolean; hasNext: boolean }>(
    manager,
    `SELECT id, locked_at IS NOT NULL AS "isRunning", payload::jsonb ? 'next' AS "hasNext"
     FROM ${jobSchema}._private_jobs WHERE key = $1 FOR UPDATE`,
    [key],
  );
  const isTaken = present?.isRunning === true;
  const hasWaiting = isTaken ? present.hasNext : present !== undefined;
  if (hasWaiting && whereOneWaits === 'LEAVE') return;
  if (isTaken) await setNext(manager, present.id, { payload, runAt: runAt?.toISOString() ?? null });
  else await addJob(manager, kind, envelope, runAt);
}

/** Ends the attempt at a job, with what follows from it, unless another process has taken the job over. */
export async function settleJob(
  manager: EntityManager,
  { id, kind, lockedBy, envelope }: HeldJob,
  failure: Failure | null,
): Promise<void> {
  const { key } = envelope;
  if (key !== null) await lockKey(manager, key);
  // A row of another id comes in its place: graphile-worker removes the one it knows once the task has returned.
  const [row] = await query<{ payload: Envelope }>(
    manager,
    `WITH gone AS (DELETE FROM ${jobSchema}._private_jobs WHERE id = $1 AND locked_by = $2 RETURNING payload)
     SELECT payload FROM gone`,
    [id, lockedBy],
  );
  if (row === undefined) return;
  const { next, ...own } = row.payload;
  if (failure?.retryInMs === null) await keepExhausted(manager, kind, own, failure);
  if (next) {
    const runAt = next.runAt === null ? undefined : new Date(next.runAt);
    await addJob(manager, kind, { payload: next.payload, key, attempts: 0 }, runAt);
  } else if (failure && failure.retryInMs !== null) {
    const runAt = new Date(Date.now() + failure.retryInMs);
    await addJob(manager, kind, { ...own, attempts: failure.attempts }, runAt);
  }
}

/** Puts a job back as if it had not been taken. */
export async function giveBack(manager: EntityManager, { id, lockedBy }: HeldJob): Promise<void> {
  await manager.query(
    `UPDATE ${jobSchema}._private_jobs SET locked_at = NULL, locked_by = NULL, attempts = greatest(attempts - 1, 0)
     WHERE id = $1 AND locked_by = $2`,
    [id, lockedBy],
  );
}

/** Of one key one transaction at a time adds or ends jobs. */
async function lockKey(manager: EntityManager, key: string): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`${jobSchema}:${key}`]);
}

async function addJob(
  manager: EntityManager,
  kind: string,
  envelope: Envelope,
  runAt: Date | undefined,
): Promise<void> {
  await manager.query(
    `SELECT 1 FROM ${jobSchema}.add_job($1, $2::json, run_at => $3, max_attempts => $4, job_key => $5)`,
    [kind, JSON.stringify(envelope), runAt?.toISOString() ?? null, noLimit, envelope.key],
  );
}

async function setNext(manager: EntityManager, id: string, next: Envelope['next']): Promise<void> {
  await manager.query(
    `UPDATE ${jobSchema}._private_jobs SET payload = (payload::jsonb || $2::jsonb)::json WHERE id = $1`,
    [id, JSON.stringify({ next })],
  );
}

/** Without its key, which another may have from now on. */
async function keepExhausted(
  manager: EntityManager,
  kind: string,
  envelope: Envelope,
  { error, attempts }: Failure,
): Promise<void> {
  const [kept] = await query<{ id: string }>(
    manager,
    `SELECT id FROM ${jobSchema}.add_job($1, $2::json, max_attempts => 1)`,
    [kind, JSON.stringify({ ...envelope, attempts })],
  );
  await manager.query(
    `UPDATE ${jobSchema}._private_jobs SET attempts = max_attempts, last_error = $2 WHERE id = $1`,
    [kept?.id, describe(error)],
  );
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxErrorLength);
}

export async function query<Row>(
  manager: EntityManager,
  sql: string,
  parameters: unknown[] = [],
): Promise<readonly Row[]> {
  return manager.query<Row[]>(sql, parameters);
}
