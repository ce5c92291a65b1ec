import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import { jsonOption } from './output.js';

/** Failed jobs that are shown, the latest first. */
const shownFailures = 1_000;

/** Loads the modules that `--help` does not need. */
const load = () => import('./jobs.js');

/** `claimcheck jobs …`, which looks at the work itself, also while the service runs. */
export function jobsCommand(): Command {
  const jobs = new Command('jobs').description(
    'Show the work that follows answers, and retry what has failed.',
  );
  jobs
    .command('list', { isDefault: true })
    .description('Count the jobs of each kind, or with --failed list those that have used up their attempts.')
    .option('--failed', `the exhausted ones, a line each, the latest first, ${shownFailures} at most`)
    .option(...jsonOption)
    .action(async ({ failed, json = false }: { failed?: boolean; json?: boolean }) => {
      const config = await loadCurrentConfig();
      const jobs = await load();
      await (failed ? jobs.listFailed(config, shownFailures, json) : jobs.count(config, json));
    });
  jobs
    .command('retry [id]')
    .description('Give an exhausted job its attempts again.')
    .option('--all', 'all of them')
    .action(async (id: string | undefined, options: { all?: boolean }) => {
      if ((id === undefined) === !options.all) throw new Error('Name one job, or say --all.');
      const config = await loadCurrentConfig();
      await (await load()).retry(config, id ?? null);
    });
  return jobs;
}
