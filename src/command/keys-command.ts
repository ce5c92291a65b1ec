import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import type { ListedKeysOptions, NewKeyOptions } from './keys.js';
import { jsonOption } from './output.js';

/** Loads the modules that `--help` does not need. */
const load = () => import('./keys.js');

/** `claimcheck keys …`, which works on the database itself, also while the service runs. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('Create, list and revoke API keys, also while serving.');
  const organization = [
    '--organization <name or id>',
    'whose keys; default: the oldest organization',
  ] as const;
  keys
    .command('create')
    .description('Print a new key, this once.')
    .option(...organization)
    .option('--name <name>', 'what to call it', 'key')
    .option('--permissions <list>', 'what it may do, comma-separated', 'attachments:read,attachments:write')
    .option('--expires-at <instant>', 'RFC 3339, such as 2027-01-31T00:00:00Z; default: never')
    .action(async (options: NewKeyOptions) => (await load()).create(options));
  keys
    .command('list')
    .description('Print a table of the keys, oldest first.')
    .option('--organization <name or id>', 'only the keys of this one')
    .option(...jsonOption)
    .action(async (options: ListedKeysOptions) => {
      const config = await loadCurrentConfig();
      await (await load()).list(config, options);
    });
  keys
    .command('revoke <id>')
    .description('End a key; running services refuse it within a second.')
    .action(async (id: string) => {
      const config = await loadCurrentConfig();
      await (await load()).revoke(config, id);
    });
  return keys;
}
