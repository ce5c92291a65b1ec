import type { EntityManager } from 'typeorm';
import type { JobState } from '../database/entities/job.js';
import { type JobCounts, maxJobCount } from './jobs.js';

const names = { WAITING: 'waiting', RUNNING: 'running', EXHAUSTED: 'exhausted' } as const;

interface Counted {
  state: JobState;
  kind: string;
  count: number;
  firstAt: number;
}

/**
 * Hops from kind to kind through the index of states and kinds, and counts each up to a limit: the cost depends on the
 * limit, not on the number of jobs.
 */
const statement = `
  WITH RECURSIVE
    states(state) AS (VALUES ('WAITING'), ('RUNNING'), ('EXHAUSTED')),
    kinds(state, kind) AS (
      SELECT state, (SELECT MIN(kind) FROM jobs WHERE jobs.state = states.state) FROM states
      UNION ALL
      SELECT state, (SELECT MIN(kind) FROM jobs WHERE jobs.state = kinds.state AND jobs.kind > kinds.kind)
      FROM kinds WHERE kind IS NOT NULL
    )
  SELECT state, kind,
    (SELECT COUNT(*) FROM (
      SELECT 1 FROM jobs WHERE jobs.state = kinds.state AND jobs.kind = kinds.kind LIMIT ${maxJobCount})) AS count,
    (SELECT MIN(run_at) FROM jobs WHERE jobs.state = kinds.state AND jobs.kind = kinds.kind) AS "firstAt"
  FROM kinds WHERE kind IS NOT NULL`;

/** Counts jobs by kind, up to `maxJobCount` of each state. */
export async function countJobs(manager: Pick<EntityManager, 'query'>, now: Date): Promise<JobCounts[]> {
  const byKind = new Map<string, JobCounts>();
  for (const { kind, state, count, firstAt } of await manager.query<Counted[]>(statement)) {
    const counts = byKind.get(kind) ?? { kind, waiting: 0, running: 0, exhausted: 0, oldestDueAt: null };
    const isDue = state === 'WAITING' && firstAt <= now.getTime();
    const oldestDueAt = isDue ? new Date(firstAt) : counts.oldestDueAt;
    byKind.set(kind, { ...counts, [names[state]]: count, oldestDueAt });
  }
  return [...byKind.values()];
}
