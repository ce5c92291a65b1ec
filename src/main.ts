#!/usr/bin/env node
import { Command } from 'commander';
import { describeFault } from './command/describe-fault.js';
import { jobsCommand } from './command/jobs.js';
import { keysCommand } from './command/keys.js';
import { migrate } from './command/migrate.js';
import { moveCommand } from './command/move-command.js';
import { serve } from './command/serve.js';
import { sweep } from './command/sweep.js';
import { verifyCommand } from './command/verify-command.js';
import { work } from './command/work.js';
import { type Config, loadConfig, settingDescriptions } from './config.js';

const run = (command: (config: Config) => Promise<void>) => () => command(loadConfig(process.env));

const settings = settingDescriptions.map(({ name, meaning }) => `  ${name.padEnd(27)}${meaning}`).join('\n');

const program = new Command('claimcheck')
  .description('Self-hosted GraphQL attachment service.')
  .addHelpText('after', `\nSettings, read from the environment:\n${settings}`);
program
  .command('serve')
  .description('Migrate and serve, and do the work that follows.')
  .option('--no-work', 'leave scans, webhooks and cleaning to other processes')
  .action((options: { work: boolean }) => run((config) => serve(config, options))());
program.command('work').description('Scan, deliver and clean, and serve nothing.').action(run(work));
program.command('migrate').description("Bring the database to this version's tables.").action(run(migrate));
program.addCommand(keysCommand());
program.addCommand(jobsCommand());
program.addCommand(verifyCommand());
program.addCommand(moveCommand());
program
  .command('sweep')
  .description('Remove what has expired and bytes that no row names.')
  .option('--dry-run', 'only say what would go, and why')
  .action((options: { dryRun?: boolean }) => run((config) => sweep(config, options))());

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${describeFault(error)}\n`);
  process.exit(1);
});
