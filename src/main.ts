import { Command } from 'commander';
import { eraseCommand, importCommand, moveCommand, verifyCommand } from './command/data-commands.js';
import { letMemoryGrow } from './command/let-memory-grow.js';
import { jobsCommand, keysCommand, quotaCommand, receiptCommand } from './command/operator-commands.js';
import { describeFault, jsonOption, outliveReaders } from './command/output.js';
import { completionCommand, remoteCommands } from './command/remote/commands.js';
import type { SweepCommandOptions } from './command/upkeep.js';
import { loadConfig, settingDescriptions } from './config/config.js';
import { readVersion } from './config/files.js';
import { withOriginalLines } from './original-lines.js';
import { loadCurrentConfig, loadExistingConfig, loadServiceConfig } from './wiring/open-stores.js';

/** Whatever is made here is for the user alone who runs it, be it by a library. */
const umask = process.umask(0o077);

const nameWidth = Math.max(...settingDescriptions.map(({ name }) => name.length)) + 2;
const settings = settingDescriptions
  .map(({ name, meaning, preset }) => {
    return `  ${name.padEnd(nameWidth)}${meaning}${preset === null ? '' : ` Default: ${preset}`}`;
  })
  .join('\n');

// Each command loads what it needs, and only once its settings are good, so that the small ones start at once.
const program = new Command('claimcheck')
  .description('Self-hosted GraphQL attachment service.')
  .version(`claimcheck ${readVersion()}, Node.js ${process.version}`, '--version', 'display what runs')
  .addHelpText('after', `\nSettings, read from the environment:\n${settings}`);
// They make objects for each of many files. `serve` and `work` tell the end of their start themselves; all others stay small.
program.hook('preAction', (_program, command) => {
  outliveReaders(command.name());
  if (['import', 'move'].includes(command.name())) letMemoryGrow();
});
program
  .command('serve')
  .description('Migrate and serve, and do the work that follows.')
  .option('--no-work', 'leave scans, webhooks and cleaning to other processes')
  .action(async (options: { work: boolean }) => {
    const config = await loadServiceConfig();
    const { serve } = await import('./command/serve.js');
    await serve(config, options);
  });
program
  .command('work')
  .description('Scan, deliver and clean, and serve nothing.')
  .action(async () => {
    const config = await loadServiceConfig();
    const { work } = await import('./command/serve.js');
    await work(config);
  });
program
  .command('migrate')
  .description("Bring the database to this version's tables.")
  .action(async () => {
    const config = loadConfig(process.env);
    const { migrate } = await import('./command/upkeep.js');
    await migrate(config);
  });
program.addCommand(keysCommand());
program.addCommand(jobsCommand());
program.addCommand(quotaCommand());
program.addCommand(verifyCommand());
program.addCommand(eraseCommand());
program.addCommand(importCommand());
program.addCommand(moveCommand());
program.addCommand(receiptCommand());
program
  .command('sweep')
  .description('Remove what has expired and bytes that no row names.')
  .option('--dry-run', 'only say what would go, and why')
  .option(...jsonOption)
  .action(async (options: SweepCommandOptions) => {
    // A dry run changes no tables.
    const config = await (options.dryRun ? loadCurrentConfig() : loadExistingConfig());
    const { sweep } = await import('./command/upkeep.js');
    await sweep(config, options);
  });

for (const command of remoteCommands(umask)) program.addCommand(command);
program.addCommand(completionCommand(program));

// Node.js prints it and ends the process.
process.on('uncaughtExceptionMonitor', (error) => {
  error.stack = withOriginalLines(error.stack ?? '');
});

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${describeFault(error)}\n`);
  process.exit(1);
});
