import type { EntityManager } from 'typeorm';
import { JobRow, type JobState } from '../database/entities/job.js';
import type { JobCounts } from './jobs.js';

const names = { WAITING: 'waiting', RUNNING: 'running', EXHAUSTED: 'exhausted' } as const;

interface Counted {
  kind: string;
  state: JobState;
  count: string;
  firstAt: string;
}

/** Counts jobs by kind. */
export async function countJobs(manager: EntityManager, now: Date): Promise<JobCounts[]> {
  const rows = await manager
    .createQueryBuilder(JobRow, 'job')
    .select('job.kind', 'kind')
    .addSelect('job.state', 'state')
    .addSelect('COUNT(*)', 'count')
    .addSelect('MIN(job.run_at)', 'firstAt')
    .groupBy('job.kind')
    .addGroupBy('job.state')
    .getRawMany<Counted>();
  const byKind = new Map<string, JobCounts>();
  for (const { kind, state, count, firstAt } of rows) {
    const counts = byKind.get(kind) ?? { kind, waiting: 0, running: 0, exhausted: 0, oldestDueAt: null };
    const isDue = state === 'WAITING' && Number(firstAt) <= now.getTime();
    const oldestDueAt = isDue ? new Date(Number(firstAt)) : counts.oldestDueAt;
    byKind.set(kind, { ...counts, [names[state]]: Number(count), oldestDueAt });
  }
  return [...byKind.values()];
}
