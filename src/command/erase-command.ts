import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import { jsonOption } from './output.js';

const explanation = `
Deletes what the principal has created and no record owns or holds, in the trash and under way too; ends its API keys and
share links; and puts a pseudonym in place of its id in everything that stays. Ends with a signed statement of both, which
claimcheck receipt verify verifies. May run while the service does, and be repeated where it was broken off. First end the
principal's access: a token that is still good brings its id back.`;

interface GivenOptions {
  principal: string;
  organization?: string;
  by?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `claimcheck erase`, which works on the database itself. */
export function eraseCommand(): Command {
  return new Command('erase')
    .description('Erase a principal: its files, shares, keys and name.')
    .requiredOption('--principal <id>', 'the user or service account')
    .option('--organization <name or id>', 'its organization; default: the oldest one')
    .option('--by <name>', 'who wants it, for the audit log')
    .option('--dry-run', 'only count what would go and stay')
    .option(...jsonOption)
    .addHelpText('after', explanation)
    .action(async ({ principal, organization, by, dryRun = false, json = false }: GivenOptions) => {
      const config = await loadCurrentConfig();
      const { erase } = await import('./erase.js');
      await erase(config, { principal, organization: organization ?? null, by: by ?? null, dryRun, json });
    });
}
