import type { Config } from '../config/config.js';
import { type JobCounts, type Jobs, maxJobCount } from '../jobs/jobs.js';
import { silentLog } from '../wiring/log.js';
import { openConfiguredDatabase, openConfiguredJobs } from '../wiring/open-stores.js';
import { alignColumns, jsonLines, onOneLine } from './output.js';

export const count = (config: Config, json: boolean) => onJobs(config, (jobs) => countJobs(jobs, json));
/** Failed jobs, the latest `limit` of them. */
export const listFailed = (config: Config, limit: number, json: boolean) =>
  onJobs(config, (jobs) => describeFailed(jobs, limit, json));
/** The one with this id, or all. */
export const retry = (config: Config, id: string | null) =>
  onJobs(config, (jobs) => retryExhausted(jobs, id));

async function countJobs(jobs: Jobs, json: boolean): Promise<string[]> {
  const counts = (await jobs.counts()).toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  if (json) return jsonLines(counts.map((count) => ({ ...count, isExact: isExact(count) })));
  const rows = counts.map(({ kind, waiting, running, exhausted, oldestDueAt }) => {
    return [kind, ...[waiting, running, exhausted].map(show), oldestDueAt?.toISOString() ?? '-'];
  });
  return alignColumns([['KIND', 'WAITING', 'RUNNING', 'EXHAUSTED', 'OLDEST DUE'], ...rows]);
}

const isExact = ({ waiting, running, exhausted }: JobCounts): boolean =>
  [waiting, running, exhausted].every((count) => count < maxJobCount);

/** A number that was not counted to its end says so. */
const show = (count: number) => (count < maxJobCount ? String(count) : `${count}+`);

async function describeFailed(jobs: Jobs, limit: number, json: boolean): Promise<string[]> {
  const failed = await jobs.exhausted(limit);
  if (json) return jsonLines(failed);
  const rows = failed.map(({ id, kind, key, attempts, failedAt, lastError }) => {
    return [id, kind, key ?? '-', String(attempts), failedAt.toISOString(), onOneLine(lastError)];
  });
  return alignColumns([['ID', 'KIND', 'KEY', 'ATTEMPTS', 'SINCE', 'LAST ERROR'], ...rows]);
}

async function retryExhausted(jobs: Jobs, id: string | null): Promise<string[]> {
  const count = await jobs.retryExhausted(id);
  if (id !== null && count === 0) throw new Error(`There is no exhausted job with the id ${id}.`);
  return [`${count} will be tried again.`];
}

/** Prints the lines that `run` returns. */
async function onJobs(config: Config, run: (jobs: Jobs) => Promise<string[]>): Promise<void> {
  const database = await openConfiguredDatabase(config);
  try {
    const jobs = await openConfiguredJobs(config, { database, clock: database.clock, log: silentLog });
    for (const line of await run(jobs)) process.stdout.write(`${line}\n`);
  } finally {
    await database.close();
  }
}
