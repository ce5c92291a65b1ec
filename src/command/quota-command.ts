import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import { jsonOption } from './output.js';
import type { SetQuotaOptions } from './quota.js';

/** Loads the modules that `--help` does not need. */
const load = () => import('./quota.js');

/** `claimcheck quota …`, which works on the database itself, also while the service runs. */
export function quotaCommand(): Command {
  const quota = new Command('quota').description('Bound what organizations store, and list what they do.');
  quota
    .command('set')
    .description('Set the bounds of one organization, over those of the settings.')
    .option('--organization <name or id>', 'whose bounds; default: the oldest organization')
    .option('--bytes <size>', 'such as 10GiB; none for no bound, default for that of the settings')
    .option('--attachments <count>', 'such as 100000; none and default likewise')
    .action(async (options: SetQuotaOptions) => {
      const config = await loadCurrentConfig();
      await (await load()).set(config, options);
    });
  quota
    .command('list')
    .description('Print what each organization stores, and may.')
    .option(...jsonOption)
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = await loadCurrentConfig();
      await (await load()).list(config, json);
    });
  quota
    .command('recount')
    .description('Compare the counters with the rows, and correct those that differ.')
    .option(...jsonOption)
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = await loadCurrentConfig();
      await (await load()).recount(config, json);
    });
  return quota;
}
