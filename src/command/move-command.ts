import { Command } from 'commander';
import { type Config, ConfigError, loadConfig } from '../config/config.js';

const explanation = `
The settings say where things are now: the embedded database, and any storage. Bytes are copied first, each read back and
compared with its digest, and then the rows. Meanwhile a running service answers what only reads, and refuses the rest with
STORAGE_UNAVAILABLE. Broken off, or repeated, it copies only what is missing or different. So move once while the service
runs, stop the service, move again what has come since, and start the service with the new settings, and with SIGNING_SECRET
and WEBHOOK_SECRET as they are in DATA_DIR. While a service runs on the database to move to, nothing is moved.

Exit status: 0 everything is in its new place, 1 some files were missing or damaged where they were, or it failed.`;

interface GivenOptions {
  toStorage?: string;
  toDatabase?: string;
}

/** `claimcheck move`, from the embedded database and its files to PostgreSQL and an S3-compatible store. */
export function moveCommand(): Command {
  return new Command('move')
    .description('Copy rows and bytes to another database and storage.')
    .option('--to-storage <url>', 'as STORAGE_URL, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
    .option('--to-database <url>', 'as DATABASE_URL')
    .addHelpText('after', explanation)
    .action(async (options: GivenOptions) => {
      const { move } = await import('./move.js');
      const isWhole = await move({ from: loadConfig(process.env), to: targetOf(options) });
      if (!isWhole) process.exitCode = 1;
    });
}

/** The settings that the service is to run with after the move. */
function targetOf({ toStorage, toDatabase }: GivenOptions): Config {
  if (toStorage === undefined && toDatabase === undefined) {
    throw new ConfigError(['--to-storage, --to-database: one of them must say where to move to']);
  }
  return loadConfig({
    ...process.env,
    ...(toStorage === undefined ? {} : { STORAGE_URL: toStorage }),
    ...(toDatabase === undefined ? {} : { DATABASE_URL: toDatabase }),
  });
}
