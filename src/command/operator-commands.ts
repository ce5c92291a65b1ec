import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/open-stores.js';
import type { ListedKeysOptions, NewKeyOptions } from './keys.js';
import { jsonOption } from './output.js';
import type { SetQuotaOptions } from './quota.js';
import type { VerifyReceiptOptions } from './receipt.js';

/** Loads the modules that `--help` does not need. */
const loadKeys = () => import('./keys.js');

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
    .action(async (options: NewKeyOptions) => (await loadKeys()).create(options));
  keys
    .command('list')
    .description('Print a table of the keys, oldest first.')
    .option('--organization <name or id>', 'only the keys of this one')
    .option(...jsonOption)
    .action(async (options: ListedKeysOptions) => {
      const config = await loadCurrentConfig();
      await (await loadKeys()).list(config, options);
    });
  keys
    .command('revoke <id>')
    .description('End a key; running services refuse it within a second.')
    .action(async (id: string) => {
      const config = await loadCurrentConfig();
      await (await loadKeys()).revoke(config, id);
    });
  return keys;
}

/** Loads the modules that `--help` does not need. */
const loadQuota = () => import('./quota.js');

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
      await (await loadQuota()).set(config, options);
    });
  quota
    .command('list')
    .description('Print what each organization stores, and may.')
    .option(...jsonOption)
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = await loadCurrentConfig();
      await (await loadQuota()).list(config, json);
    });
  quota
    .command('recount')
    .description('Compare the counters with the rows, and correct those that differ.')
    .option(...jsonOption)
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = await loadCurrentConfig();
      await (await loadQuota()).recount(config, json);
    });
  return quota;
}

/** Loads the modules that `--help` does not need. */
const loadReceipt = () => import('./receipt.js');

const receiptHelp = `
Needs no service: the keys are those of DATA_DIR or RECEIPT_KEYS_FILE, or those in a file with what /.well-known/jwks.json
answered. Prints what the receipt says.

Exit status: 0 it is genuine, 1 it has been tampered with or the content is another one, 2 it could not be verified, 3 none of
the keys has signed it.`;

/** `claimcheck receipt …`, for auditors and for whoever keeps the keys. */
export function receiptCommand(): Command {
  const receipt = new Command('receipt').description(
    'Verify receipts of attachments, and rotate their keys.',
  );
  receipt
    .command('verify <file>')
    .description('Verify a receipt, in a file or from - (standard input).')
    .option('--keys <file>', 'the public keys, a JWK set; default: those of this service')
    .option('--content <file>', 'compare this file with what the receipt says')
    .option(...jsonOption)
    .addHelpText('after', receiptHelp)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (file: string, options: VerifyReceiptOptions) => {
      process.exitCode = await (await loadReceipt()).verify(file, options);
    });
  receipt
    .command('keys')
    .description('Print the public keys as a JWK set.')
    .action(async () => (await loadReceipt()).printKeys());
  receipt
    .command('rotate')
    .description('Sign with a new key from the next start on; earlier receipts stay genuine.')
    .action(async () => (await loadReceipt()).rotate());
  return receipt;
}

/** Failed jobs that are shown, the latest first. */
const shownFailures = 1_000;

/** Loads the modules that `--help` does not need. */
const loadJobs = () => import('./upkeep.js');

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
      const jobs = await loadJobs();
      await (failed ? jobs.listFailed(config, shownFailures, json) : jobs.count(config, json));
    });
  jobs
    .command('retry [id]')
    .description('Give an exhausted job its attempts again.')
    .option('--all', 'all of them')
    .action(async (id: string | undefined, options: { all?: boolean }) => {
      if ((id === undefined) === !options.all) throw new Error('Name one job, or say --all.');
      const config = await loadCurrentConfig();
      await (await loadJobs()).retry(config, id ?? null);
    });
  return jobs;
}
