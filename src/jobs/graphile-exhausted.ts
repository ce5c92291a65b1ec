import type { EntityManager } from 'typeorm';
import { type JobPayload, jobSchema, placeJob, query } from './graphile-rows.js';
import type { ExhaustedJob, JobCounts } from './jobs.js';

const isExhausted = 'job.locked_at IS NULL AND job.attempts >= job.max_attempts';

interface ExhaustedRow {
  id: string;
  kind: string;
  payload: JobPayload;
  lastError: string;
  failedAt: Date;
}

const exhaustedRows = `SELECT job.id, task.identifier AS kind, job.payload, job.last_error AS "lastError",
    job.created_at AS "failedAt"
  FROM ${jobSchema}._private_jobs job JOIN ${jobSchema}._private_tasks task ON task.id = job.task_id
  WHERE ${isExhausted}`;

/** The latest first, `limit` at most. */
export async function listExhausted(manager: EntityManager, limit: number): Promise<ExhaustedJob[]> {
  const rows = await query<ExhaustedRow>(manager, `${exhaustedRows} ORDER BY job.id DESC LIMIT $1`, [limit]);
  return rows.map(({ payload: envelope, ...row }) => ({ ...row, ...envelope }));
}

/** Has an exhausted job wait anew, or leaves it to one of its key that waits. Returns how many: 0 where there is none. */
export async function retryOne(manager: EntityManager, id: string): Promise<number> {
  const [row] = await query<ExhaustedRow>(manager, `${exhaustedRows} AND job.id = $1 FOR UPDATE OF job`, [
    id,
  ]);
  if (row === undefined) return 0;
  await manager.query(`DELETE FROM ${jobSchema}._private_jobs WHERE id = $1`, [id]);
  const { kind, payload: envelope } = row;
  const key = envelope.key === null ? {} : { key: envelope.key };
  await placeJob(manager, { kind, payload: envelope.payload, ...key }, 'LEAVE');
  return 1;
}

/** Ids of exhausted jobs, the oldest first. */
export async function exhaustedIds(
  manager: EntityManager,
  limit: number,
  { after, upTo }: { after: string; upTo: string },
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    manager,
    `SELECT job.id FROM ${jobSchema}._private_jobs job
     WHERE ${isExhausted} AND job.id > $1 AND job.id <= $2 ORDER BY job.id LIMIT $3`,
    [after, upTo, limit],
  );
  return rows.map(({ id }) => id);
}

/** '0' where there is none. */
export async function newestJobId(manager: EntityManager): Promise<string> {
  const [row] = await query<{ id: string }>(
    manager,
    `SELECT coalesce(max(id), 0) AS id FROM ${jobSchema}._private_jobs`,
  );
  return row?.id ?? '0';
}

type State = 'waiting' | 'running' | 'exhausted';

/** Counts jobs by kind. */
export async function countGraphileJobs(manager: Pick<EntityManager, 'query'>): Promise<JobCounts[]> {
  const rows = await query<{ kind: string; oldestDueAt: Date | null } & Record<State, string>>(
    manager,
    `SELECT task.identifier AS kind,
       count(*) FILTER (WHERE job.is_available)
         + count(*) FILTER (WHERE job.locked_at IS NOT NULL AND job.payload::jsonb ? 'next') AS waiting,
       count(*) FILTER (WHERE job.locked_at IS NOT NULL) AS running,
       count(*) FILTER (WHERE ${isExhausted}) AS exhausted,
       min(job.run_at) FILTER (WHERE job.is_available AND job.run_at <= now()) AS "oldestDueAt"
     FROM ${jobSchema}._private_jobs job JOIN ${jobSchema}._private_tasks task ON task.id = job.task_id
     GROUP BY task.identifier`,
  );
  return rows.map(({ kind, waiting, running, exhausted, oldestDueAt }) => {
    return {
      kind,
      waiting: Number(waiting),
      running: Number(running),
      exhausted: Number(exhausted),
      oldestDueAt,
    };
  });
}
