import { cleanUp } from '../cleaning/clean-up.js';
import { listDue } from '../cleaning/list-due.js';
import { oldestOrganizationAt, sweepStorage } from '../cleaning/sweep-storage.js';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { IntakeLeases } from '../intake/intake-leases.js';
import { type JobCounts, type Jobs, maxJobCount } from '../jobs/jobs.js';
import { Changes } from '../model/changes.js';
import { forgetWebhooks } from '../webhooks/fan-out.js';
import { relayConfiguredChanges } from '../wiring/background-work.js';
import {
  openConfiguredDatabase,
  openConfiguredJobs,
  openConfiguredStorage,
  silentLog,
} from '../wiring/open-stores.js';
import { alignColumns, jsonLines, onOneLine } from './output.js';

/** Bytes may be older than the rows: a store that was in use before, or a clock that has been set. */
const leastLookBackMs = 31 * 86_400_000;

export interface SweepCommandOptions {
  dryRun?: boolean;
  json?: boolean;
}

/** Cleans at once, as the service does by itself; with `dryRun` it says what would go, and why, and changes nothing. */
export async function sweep(
  config: Config,
  { dryRun = false, json = false }: SweepCommandOptions,
): Promise<void> {
  const database = await openConfiguredDatabase(config);
  const changes = new Changes();
  const stopRelay = await relayConfiguredChanges(config, { changes }, silentLog);
  const deps = {
    database,
    storage: await openConfiguredStorage(config, database),
    clock: database.clock,
    webhooks: { forget: forgetWebhooks },
    changes,
    leases: new IntakeLeases(database),
    auditRetentionMs: config.auditRetentionMs,
    webhookRetentionMs: config.webhookRetentionMs,
  };
  try {
    const options = { lookBackMs: await ageOf(database) };
    let count = 0;
    for await (const due of listDue(deps, options)) {
      process.stdout.write(`${json ? JSON.stringify(due) : `${due.kind} ${due.id}: ${due.reason}`}\n`);
      count += 1;
    }
    if (!dryRun) {
      await cleanUp(deps);
      await sweepStorage(deps, options);
    }
    const summary = `${count} ${dryRun ? 'would go' : 'have gone'}.`;
    process.stdout.write(`${json ? JSON.stringify({ count, dryRun }) : summary}\n`);
  } finally {
    await stopRelay();
    await database.close();
  }
}

/** Whoever asks for a sweep wants all looked at that can ever have been stored, even where that has been done. */
async function ageOf(database: Database): Promise<number> {
  const now = database.clock();
  const oldest = (await oldestOrganizationAt(database)) ?? now;
  return now.getTime() - oldest.getTime() + leastLookBackMs;
}

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

/** Brings the database and the tables of its jobs to this version, which opening them does. Nothing is done if they are there already. */
export async function migrate(config: Config): Promise<void> {
  const database = await openConfiguredDatabase(config);
  try {
    await openConfiguredJobs(config, {
      database,
      clock: database.clock,
      log: silentLog,
    });
  } finally {
    await database.close();
  }
  process.stdout.write('The database is up to date.\n');
}
