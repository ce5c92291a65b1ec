import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager, FindOptionsWhere } from 'typeorm';
import { allEnded } from '../database/background-writes.js';
import type { Database } from '../database/database.js';
import { JobRow, type JobState } from '../database/entities/job.js';
import { insertRow } from '../database/insert-row.js';
import { changeRows, readRows } from '../database/read-rows.js';
import { And, before, In, LessThanOrEqual, MoreThan } from '../database/typeorm.js';
import { newId } from '../new-id.js';
import { describeError, type JobCounts, maxJobCount, type NewJob } from './jobs.js';

const unlocked = { lockedBy: null, lockedUntil: null };

export async function insertJob(manager: EntityManager, job: NewJob, now: Date): Promise<void> {
  const row = toRow(job, now);
  const { key } = row;
  if (key !== null)
    await changeRows(manager, (sql) => `DELETE FROM jobs WHERE key = ${sql.add(key)} AND state = 'WAITING'`);
  await insertRow(manager, JobRow, row);
}

/** The row of a job that nobody has inserted yet. */
export function toRow({ kind, payload, key, runAt }: NewJob, now: Date): JobRow {
  const fresh = { state: 'WAITING' as const, attempts: 0, lastError: null, failedAt: null, ...unlocked };
  return { id: newId(), kind, key: key ?? null, payload, runAt: runAt ?? now, createdAt: now, ...fresh };
}

/** The jobs of one process: each statement touches no others, so that one whose lease has run out changes nothing. */
export class JobTable {
  readonly #database: Database;
  readonly #clock: () => Date;
  readonly #leaseMs: number;
  readonly #me = newId();
  readonly #finished: string[] = [];
  #finishing: Promise<void> | null = null;

  constructor(options: { database: Database; clock: () => Date; leaseMs: number }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
  }

  /** Takes up to `count` due jobs of a kind in hand, the longest due first; each counts an attempt thereby. */
  take(kind: string, count: number): Promise<JobRow[]> {
    return this.#database.write(async (manager) => {
      const now = this.#clock();
      const due = await findDue(manager, kind, now, count);
      if (due.length === 0) return [];
      const ids = due.map(({ id }) => id);
      const affected = await changeRows(
        manager,
        (sql) => `UPDATE jobs SET state = 'RUNNING', attempts = attempts + 1,
          locked_by = ${sql.add(this.#me)}, locked_until = ${sql.add(this.#leaseEnd(now).getTime())}
          WHERE ${sql.isOneOf('id', ids)} AND state = 'WAITING'`,
      );
      if (affected !== due.length) throw new Error('Two processes took the same jobs.');
      return due.map((job) => Object.assign(job, { attempts: job.attempts + 1 }));
    });
  }

  /** Removes a job that has succeeded. Those that end at about the same time go in one statement. */
  finish({ id }: JobRow): Promise<void> {
    this.#finished.push(id);
    this.#finishing ??= nextTurn().then(() => {
      this.#finishing = null;
      const ids = this.#finished.splice(0);
      return this.#database.write(
        async (manager) =>
          void (await changeRows(
            manager,
            (sql) => `DELETE FROM jobs
              WHERE ${sql.isOneOf('id', ids)} AND state = 'RUNNING' AND locked_by = ${sql.add(this.#me)}`,
          )),
      );
    });
    return this.#finishing;
  }

  /** Another attempt follows at `runAt`; with null there is none. Changes nothing if the lease was lost. */
  async fail(job: JobRow, error: unknown, runAt: Date | null): Promise<void> {
    const lastError = describeError(error);
    await this.#database.write(async (manager) => {
      if (runAt) await putBack(manager, this.#mine(job), { runAt, lastError });
      else {
        const exhausted = { state: 'EXHAUSTED' as const, failedAt: this.#clock(), lastError, ...unlocked };
        await manager.update(JobRow, this.#mine(job), exhausted);
      }
    });
  }

  /** Puts a job back as if it had not been taken. */
  release(job: JobRow): Promise<void> {
    const attempts = job.attempts - 1;
    return this.#database.write((manager) => putBack(manager, this.#mine(job), { attempts }));
  }

  renewLeases(ids: readonly string[]): Promise<unknown> {
    const lockedUntil = this.#leaseEnd(this.#clock());
    const mine = { id: In(ids), state: 'RUNNING' as const, lockedBy: this.#me };
    return this.#database.write((manager) => manager.update(JobRow, mine, { lockedUntil }));
  }

  /** Frees the jobs of processes that have died. */
  async freeAbandoned(): Promise<void> {
    const abandoned = { state: 'RUNNING' as const, lockedUntil: before(this.#clock()) };
    if (!(await this.#database.read.existsBy(JobRow, abandoned))) return;
    await this.#database.write((manager) => putBack(manager, abandoned, {}));
  }

  #leaseEnd(now: Date): Date {
    return new Date(now.getTime() + this.#leaseMs);
  }

  #mine({ id, attempts }: JobRow) {
    return { id, attempts, state: 'RUNNING' as const, lockedBy: this.#me };
  }
}

/** Has running jobs wait again. If a newer job with the same key is waiting, deletes the old one: the newer one does its work. */
async function putBack(
  manager: EntityManager,
  running: FindOptionsWhere<JobRow>,
  changes: Partial<Pick<JobRow, 'attempts' | 'runAt' | 'lastError'>>,
): Promise<void> {
  const jobs = await manager.findBy(JobRow, running);
  for (const { id, key } of jobs) {
    if (await isReplaced(manager, key)) await manager.delete(JobRow, { id });
    else await manager.update(JobRow, { id }, { ...changes, state: 'WAITING', ...unlocked });
  }
}

/** Whether a job with this key is waiting. */
async function isReplaced(manager: EntityManager, key: string | null): Promise<boolean> {
  return key !== null && (await manager.existsBy(JobRow, { key, state: 'WAITING' }));
}

/** Those whose key is not running already. */
function findDue(manager: EntityManager, kind: string, now: Date, count: number): Promise<JobRow[]> {
  const isRunning = `EXISTS (SELECT 1 FROM jobs other WHERE other.key = "row".key AND other.state = 'RUNNING')`;
  return readRows(
    manager,
    JobRow,
    (sql) => `state = 'WAITING' AND kind = ${sql.add(kind)} AND run_at <= ${sql.add(now.getTime())}
      AND (key IS NULL OR NOT ${isRunning}) ORDER BY run_at, id LIMIT ${sql.add(count)}`,
  );
}

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
  const { affected } = (await isReplaced(manager, job.key))
    ? await manager.delete(JobRow, exhausted)
    : await manager.update(JobRow, exhausted, { state: 'WAITING', attempts: 0, runAt: now, failedAt: null });
  return affected ?? 0;
}
