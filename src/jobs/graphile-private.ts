import type { EntityManager } from 'typeorm';

/** The schema of graphile-worker's tables. A name of our own keeps other uses in the same database apart. */
export const jobSchema = 'claimcheck_jobs';

/*
 * All that is asked of the table behind graphile-worker's functions and views, which may change with its version. The view of
 * jobs leaves the payload out, and the functions pass over a job that is locked.
 */
const privateJobs = `${jobSchema}._private_jobs`;

/** The view of jobs as `job`, and their payloads as `kept`. */
export const jobsWithPayload = `${jobSchema}.jobs job JOIN ${privateJobs} kept ON kept.id = job.id`;

/** The payload of a job, as graphile-worker keeps it. */
export interface JobPayload {
  payload: object;
  key: string | null;
  /** Attempts made before graphile-worker began to count. */
  attempts: number;
  /** A job of the same key that runs once this one is over. */
  next?: { payload: object; runAt: string | null };
}

/** Removes a job that this worker holds; null if another holds it, or none. */
export async function removeHeld(
  manager: EntityManager,
  id: string,
  lockedBy: string,
): Promise<JobPayload | null> {
  const [row] = await query<{ payload: JobPayload }>(
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
export async function setNext(manager: EntityManager, id: string, next: JobPayload['next']): Promise<void> {
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
