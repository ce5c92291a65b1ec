import { Command } from 'commander';
import { type Config, loadConfig } from '../config.js';
import { openConfiguredDatabase } from '../wiring/open-stores.js';
import { createKey, type NewKeyOptions } from './create-key.js';
import type { KeyCommand } from './key-command.js';
import { listKeys } from './list-keys.js';
import { revokeKey } from './revoke-key.js';

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
    .action((options: NewKeyOptions) => onDatabase((deps) => createKey(deps, options)));
  keys
    .command('list')
    .description('Print a table of the keys, oldest first.')
    .option('--organization <name or id>', 'only the keys of this one')
    .action((options: { organization?: string }) => onDatabase((deps) => listKeys(deps, options)));
  keys
    .command('revoke <id>')
    .description('End a key; running services refuse it within a second.')
    .action((id: string) => onDatabase((deps) => revokeKey(deps, id)));
  return keys;
}

async function onDatabase(run: (deps: KeyCommand) => Promise<void>): Promise<void> {
  const config: Config = loadConfig(process.env);
  const database = await openConfiguredDatabase(config);
  try {
    await run({
      database,
      clock: () => new Date(),
      print: (line) => process.stdout.write(`${line}\n`),
      remark: (line) => process.stderr.write(`${line}\n`),
    });
  } finally {
    await database.close();
  }
}
