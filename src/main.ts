#!/usr/bin/env node
import { Command } from 'commander';
import { jobsCommand } from './command/jobs-command.js';
import { keysCommand } from './command/keys-command.js';
import { moveCommand } from './command/move-command.js';
import { describeFault } from './command/output.js';
import { verifyCommand } from './command/verify-command.js';
import { loadConfig, settingDescriptions } from './config/config.js';
import { loadExistingConfig } from './wiring/existing-database.js';

/** Whatever is made here is for the user alone who runs it, be it by a library. */
process.umask(0o077);

const settings = settingDescriptions.map(({ name, meaning }) => `  ${name.padEnd(27)}${meaning}`).join('\n');

// Each command loads what it needs, and only once its settings are good, so that the small ones start at once.
const program = new Command('claimcheck')
  .description('Self-hosted GraphQL attachment service.')
  .addHelpText('after', `\nSettings, read from the environment:\n${settings}`);
program
  .command('serve')
  .description('Migrate and serve, and do the work that follows.')
  .option('--no-work', 'leave scans, webhooks and cleaning to other processes')
  .action(async (options: { work: boolean }) => {
    const config = loadConfig(process.env);
    const { serve } = await import('./command/serve.js');
    await serve(config, options);
  });
program
  .command('work')
  .description('Scan, deliver and clean, and serve nothing.')
  .action(async () => {
    const config = loadConfig(process.env);
    const { work } = await import('./command/serve.js');
    await work(config);
  });
program
  .command('migrate')
  .description("Bring the database to this version's tables.")
  .action(async () => {
    const config = loadConfig(process.env);
    const { migrate } = await import('./command/migrate.js');
    await migrate(config);
  });
program.addCommand(keysCommand());
program.addCommand(jobsCommand());
program.addCommand(verifyCommand());
program.addCommand(moveCommand());
program
  .command('sweep')
  .description('Remove what has expired and bytes that no row names.')
  .option('--dry-run', 'only say what would go, and why')
  .action(async (options: { dryRun?: boolean }) => {
    const config = await loadExistingConfig();
    const { sweep } = await import('./command/sweep.js');
    await sweep(config, options);
  });

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${describeFault(error)}\n`);
  process.exit(1);
});
