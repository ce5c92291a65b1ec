import type { EntityManager } from 'typeorm';
import { type JobPayload, jobSchema, query, removeHeld, setNext } from './graphile-private.js';
import type { NewJob } from './jobs.js';

/** Attempts are counted here, not there: more than any schedule has. */
const noLimit = 32_767;
const maxErrorLength = 1_000;

/** A job that a worker has in hand. */
export interface HeldJob {
  id: string;
  kind: string;
  lockedBy: string;
  envelope: JobPayload;
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
  envelope: JobPayload;
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
  envelope: JobPayload,
  { error, attempts }: Failure,
): Promise<void> {
  const [kept] = await query<{ id: string }>(
    manager,
    `SELECT id FROM ${jobSchema}.add_job($1, $2::json, max_attempts => 1)`,
    [kind, JSON.stringify({ ...envelope, attempts })],
  );
  await manager.query(`SELECT FROM ${jobSchema}.permanently_fail_jobs(ARRAY[$1::bigint], $2)`, [
    kept?.id,
    describe(error),
  ]);
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxErrorLength);
}
