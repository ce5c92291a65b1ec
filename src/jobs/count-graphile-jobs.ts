import type { EntityManager } from 'typeorm';
import { isExhausted } from './graphile-exhausted.js';
import { jobSchema, query } from './graphile-rows.js';
import type { JobCounts } from './jobs.js';

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
