import { Command } from 'commander';
import { loadConfig } from '../config.js';
import type { Jobs } from '../jobs/jobs.js';
import { openConfiguredJobs } from '../wiring/configured-jobs.js';
import { silentLog } from '../wiring/log.js';
import { openConfiguredDatabase } from '../wiring/open-stores.js';
import { alignColumns } from './align-columns.js';

/** Of more, the latest are shown. */
const shownFailures = 1_000;

/** `claimcheck jobs …`, which looks at the work itself, also while the service runs. */
export function jobsCommand(): Command {
  const jobs = new Command('jobs').description(
    'Show the work that follows answers, and retry what has failed.',
  );
  jobs
    .command('list', { isDefault: true })
    .description('Count the jobs of each kind, or with --failed list those that have used up their attempts.')
    .option('--failed', `the exhausted ones, a line each, the latest first, ${shownFailures} at most`)
    .action((options: { failed?: boolean }) => onJobs(options.failed ? listFailed : countJobs));
  jobs
    .command('retry [id]')
    .description('Give an exhausted job its attempts again.')
    .option('--all', 'all of them')
    .action((id: string | undefined, options: { all?: boolean }) =>
      onJobs((deps) => retry(deps, id ?? null, options.all === true)),
    );
  return jobs;
}

async function countJobs(jobs: Jobs): Promise<string[]> {
  const counts = (await jobs.counts()).toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  const rows = counts.map(({ kind, waiting, running, exhausted, oldestDueAt }) => {
    return [kind, ...[waiting, running, exhausted].map(String), oldestDueAt?.toISOString() ?? '-'];
  });
  return alignColumns([['KIND', 'WAITING', 'RUNNING', 'EXHAUSTED', 'OLDEST DUE'], ...rows]);
}

async function listFailed(jobs: Jobs): Promise<string[]> {
  const failed = await jobs.exhausted(shownFailures);
  const rows = failed.map(({ id, kind, key, attempts, failedAt, lastError }) => {
    return [id, kind, key ?? '-', String(attempts), failedAt.toISOString(), onOneLine(lastError)];
  });
  return alignColumns([['ID', 'KIND', 'KEY', 'ATTEMPTS', 'SINCE', 'LAST ERROR'], ...rows]);
}

/** An error may quote what came from outside, which must not steer a terminal. */
const onOneLine = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();

async function retry(jobs: Jobs, id: string | null, all: boolean): Promise<string[]> {
  if ((id === null) === !all) throw new Error('Name one job, or say --all.');
  const count = await jobs.retryExhausted(id);
  if (id !== null && count === 0) throw new Error(`There is no exhausted job with the id ${id}.`);
  return [`${count} will be tried again.`];
}

/** Prints the lines that `run` returns. */
async function onJobs(run: (jobs: Jobs) => Promise<string[]>): Promise<void> {
  const config = loadConfig(process.env);
  const database = await openConfiguredDatabase(config);
  try {
    const jobs = await openConfiguredJobs(config, { database, clock: () => new Date(), log: silentLog });
    for (const line of await run(jobs)) process.stdout.write(`${line}\n`);
  } finally {
    await database.close();
  }
}
