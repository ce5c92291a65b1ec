import type { EntityManager } from 'typeorm';
import { allEnded } from '../database/background-writes.js';
import type { Database } from '../database/database.js';
import { JobRow, type JobState } from '../database/entities/job.js';
import { And, LessThanOrEqual, MoreThan } from '../database/typeorm.js';
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

const batchSize = 200;

/** Makes one exhausted job, or with null all of them, wait anew, in batches. Returns how many. */
export async function retryExhausted(database: Database, id: string | null, now: Date): Promise<number> {
  if (id !== null) return database.write((manager) => retryOne(manager, id, now));
  const [newest] = await database.read.find(JobRow, { order: { id: 'DESC' }, take: 1 });
  let count = 0;
  for (let last = ''; newest; ) {
    const ids = await exhaustedBetween(database.read, last, newest.id);
    const counts = await allEnded(
      ids.map((each) => database.writeInBackground((manager) => retryOne(manager, each, now))),
    );
    count += counts.reduce((sum, one) => sum + one, 0);
    if (ids.length < batchSize) break;
    last = ids.at(-1) ?? '';
  }
  return count;
}

async function exhaustedBetween(read: EntityManager, after: string, upTo: string): Promise<string[]> {
  const rows = await read.find(JobRow, {
    select: { id: true },
    where: { state: 'EXHAUSTED', id: And(MoreThan(after), LessThanOrEqual(upTo)) },
    order: { id: 'ASC' },
    take: batchSize,
  });
  return rows.map(({ id }) => id);
}

/** If a newer job with the same key is waiting, deletes the exhausted one: the newer one does its work. */
async function retryOne(manager: EntityManager, id: string, now: Date): Promise<number> {
  const exhausted = { id, state: 'EXHAUSTED' as const };
  const job = await manager.findOneBy(JobRow, exhausted);
  if (!job) return 0;
  const { key } = job;
  const isReplaced = key !== null && (await manager.existsBy(JobRow, { key, state: 'WAITING' }));
  const { affected } = isReplaced
    ? await manager.delete(JobRow, exhausted)
    : await manager.update(JobRow, exhausted, { state: 'WAITING', attempts: 0, runAt: now, failedAt: null });
  return affected ?? 0;
}
