import type { EntityManager } from 'typeorm';
import { type JobEnvelope, jobSchema, jobsWithPayload, placeJob, query } from './graphile-rows.js';
import type { ExhaustedJob, JobCounts } from './jobs.js';

const isExhausted = 'job.locked_at IS NULL AND job.attempts >= job.max_attempts';
const isWaiting = 'job.locked_at IS NULL AND job.attempts < job.max_attempts';

interface ExhaustedRow {
  id: string;
  kind: string;
  payload: JobEnvelope;
  lastError: string;
  failedAt: Date;
}

const exhaustedRows = `SELECT job.id, job.task_identifier AS kind, kept.payload, job.last_error AS "lastError",
    job.created_at AS "failedAt"
  FROM ${jobsWithPayload}
  WHERE ${isExhausted}`;

/** The latest first, `limit` at most. */
export async function listExhausted(manager: EntityManager, limit: number): Promise<ExhaustedJob[]> {
  const rows = await query<ExhaustedRow>(manager, `${exhaustedRows} ORDER BY job.id DESC LIMIT $1`, [limit]);
  return rows.map(({ payload: envelope, ...row }) => ({ ...row, ...envelope }));
}

/** Has an exhausted job wait anew, or leaves it to one of its key that waits. Returns how many: 0 where there is none. */
export async function retryOne(manager: EntityManager, id: string): Promise<number> {
  const [row] = await query<Pick<ExhaustedRow, 'kind' | 'payload'>>(
    manager,
    `SELECT job.task_identifier AS kind, gone.payload
     FROM ${jobSchema}.jobs job CROSS JOIN LATERAL ${jobSchema}.complete_jobs(ARRAY[job.id]) gone
     WHERE job.id = $1 AND ${isExhausted}`,
    [id],
  );
  if (row === undefined) return 0;
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
    `SELECT job.id FROM ${jobSchema}.jobs job
     WHERE ${isExhausted} AND job.id > $1 AND job.id <= $2 ORDER BY job.id LIMIT $3`,
    [after, upTo, limit],
  );
  return rows.map(({ id }) => id);
}

/** '0' where there is none. */
export async function newestJobId(manager: EntityManager): Promise<string> {
  const [row] = await query<{ id: string }>(
    manager,
    `SELECT id FROM ${jobSchema}.jobs ORDER BY id DESC LIMIT 1`,
  );
  return row?.id ?? '0';
}

type State = 'waiting' | 'running' | 'exhausted';

/** Counts jobs by kind. */
export async function countGraphileJobs(manager: Pick<EntityManager, 'query'>): Promise<JobCounts[]> {
  const rows = await query<{ kind: string; oldestDueAt: Date | null } & Record<State, string>>(
    manager,
    `SELECT task_identifier AS kind,
       count(*) FILTER (WHERE ${isWaiting})
         + count(*) FILTER (WHERE job.locked_at IS NOT NULL AND kept.payload::jsonb ? 'next') AS waiting,
       count(*) FILTER (WHERE job.locked_at IS NOT NULL) AS running,
       count(*) FILTER (WHERE ${isExhausted}) AS exhausted,
       min(job.run_at) FILTER (WHERE ${isWaiting} AND job.run_at <= now()) AS "oldestDueAt"
     FROM ${jobsWithPayload}
     GROUP BY task_identifier`,
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
