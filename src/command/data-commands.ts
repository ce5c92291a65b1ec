import { Command, InvalidArgumentError, Option } from 'commander';
import { type Config, ConfigError, loadConfig } from '../config/config.js';
import { isDay } from '../config/setting-formats.js';
import { loadCurrentConfig } from '../wiring/open-stores.js';
import { describeFault, jsonOption } from './output.js';

/** Exit codes of a command that goes through many things and tells of those with a fault. */
const exitCodes = { allWell: 0, faults: 1, notRun: 2 } as const;

/**
 * Does work that resolves to whether all is well, and resolves to the exit code. The first SIGINT or SIGTERM aborts the signal of
 * the work, a second one ends the process at once.
 */
async function runStoppably(
  work: (config: Config, signal: AbortSignal) => Promise<boolean>,
): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  try {
    const isWell = await work(await loadCurrentConfig(), stop.signal);
    return isWell ? exitCodes.allWell : exitCodes.faults;
  } catch (error) {
    process.stderr.write(`${describeFault(error)}\n`);
    return exitCodes.notRun;
  }
}

const importHelp = `
The list has a JSON object a line: id, organizationId, fileName, createdAt, createdBy and one of path and url, and perhaps
contentType, size, sha256, md5, description, metadata, record, field and position. Prints a line for each that is refused,
with its number and the reason; nothing of such a line is kept. May be broken off and repeated: attachments that are there,
or were deleted since, stay as they are.

Exit status: 0 all is there, 1 lines were refused, 2 it could not run to its end.`;

const filesOption = new Option(
  '--files <folder>',
  'paths are relative to it; default: the folder of the list',
).conflicts('tar');

interface GivenImport {
  from: string;
  files?: string;
  tar?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `claimcheck import`, with exit statuses of its own. */
export function importCommand(): Command {
  return new Command('import')
    .description('Bring attachments of another system, with their ids, dates, creators and places.')
    .requiredOption('--from <list>', 'the list, a JSON object a line')
    .addOption(filesOption)
    .option('--tar', 'paths are those of a tar archive on standard input')
    .option('--dry-run', 'read and check everything, and write nothing')
    .option(...jsonOption)
    .addHelpText('after', importHelp)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodes.notRun))
    .action(async ({ from, files, tar = false, dryRun = false, json = false }: GivenImport) => {
      // Stopped, it ends the lines under way.
      process.exitCode = await runStoppably(async (config, signal) => {
        const { importList } = await import('./import.js');
        return importList(config, { from, files: files ?? null, tar, dryRun, json }, signal);
      });
    });
}

const moveHelp = `
The settings say where things are now: the embedded database, and any storage. Bytes are copied first, each read back and
compared with its digest, and then the rows. Meanwhile a running service answers what only reads, and refuses the rest with
STORAGE_UNAVAILABLE. Broken off, or repeated, it copies only what is missing or different. So move once while the service
runs, stop the service, move again what has come since, and start the service with the new settings, and with SIGNING_SECRET
and WEBHOOK_SECRET as they are in DATA_DIR. While a service runs on the database to move to, nothing is moved.

Exit status: 0 everything is in its new place, 1 some files were missing or damaged where they were, or it failed.`;

interface GivenMove {
  toStorage?: string;
  toDatabase?: string;
}

/** `claimcheck move`, from the embedded database and its files to PostgreSQL and an S3-compatible store. */
export function moveCommand(): Command {
  return new Command('move')
    .description('Copy rows and bytes to another database and storage.')
    .option('--to-storage <url>', 'as STORAGE_URL, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
    .option('--to-database <url>', 'as DATABASE_URL')
    .addHelpText('after', moveHelp)
    .action(async (options: GivenMove) => {
      const { move } = await import('./move.js');
      const isWhole = await move({ from: loadConfig(process.env), to: targetOf(options) });
      if (!isWhole) process.exitCode = 1;
    });
}

/** The settings that the service is to run with after the move. */
function targetOf({ toStorage, toDatabase }: GivenMove): Config {
  if (toStorage === undefined && toDatabase === undefined) {
    throw new ConfigError(['--to-storage, --to-database: one of them must say where to move to']);
  }
  try {
    return loadConfig({
      ...process.env,
      ...(toStorage === undefined ? {} : { STORAGE_URL: toStorage }),
      ...(toDatabase === undefined ? {} : { DATABASE_URL: toDatabase }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The settings themselves have been read by now.
    throw new ConfigError(error.faults.map(nameOption), { cause: error });
  }
}

const nameOption = (fault: string): string =>
  fault.replace(/^DATABASE_URL:/, '--to-database:').replace(/^STORAGE_URL:/, '--to-storage:');

const mebibyte = 1024 * 1024;

const verifyHelp = `
Prints a line for each file that is missing, damaged (other bytes than those that came) or orphaned (bytes that no row
names), then a summary. Changes no file, and may run while the service does: it refuses damaged files from then on, and serves
them again once they are found whole. Where it stopped, by a signal or a crash, is kept in DATA_DIR for --resume.

Exit status: 0 all is well, 1 there are findings, 2 it could not run to its end.`;

interface GivenVerify {
  rate: number;
  resume?: boolean;
  allOrphans?: boolean;
  since?: Date;
  json?: boolean;
}

/** `claimcheck verify`, with exit statuses of its own. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Read all stored files and compare them with what came.')
    .option('--rate <MiB/s>', 'read no faster than this; 0: as fast as it goes', parseRate, 50)
    .option('--resume', 'go on where the last run stopped')
    .option(
      '--all-orphans',
      'bytes without a row younger than 24 hours too: uploads under way may be among them',
    )
    .option(...jsonOption)
    .option('--since <date>', 'look for orphans from this day (UTC) on; default: the first start', parseDay)
    .addHelpText('after', verifyHelp)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodes.notRun))
    .action(async (given: GivenVerify) => {
      const options = {
        bytesPerSecond: given.rate * mebibyte,
        resume: given.resume === true,
        allOrphans: given.allOrphans === true,
        since: given.since ?? null,
        json: given.json === true,
      };
      // Stopped, it ends at the next chunk, and its place is kept.
      process.exitCode = await runStoppably(async (config, signal) => {
        const { verify } = await import('./verify.js');
        return verify(config, options, signal);
      });
    });
}

function parseRate(text: string): number {
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError('It must be a number of MiB a second, such as 50 or 0.5.');
}

function parseDay(text: string): Date {
  if (isDay(text)) return new Date(text);
  throw new InvalidArgumentError('It must be a day, such as 2026-01-31.');
}

const eraseHelp = `
Deletes what the principal has created and no record owns or holds, in the trash and under way too; ends its API keys and
share links; and puts a pseudonym in place of its id in everything that stays. Ends with a signed statement of both, which
claimcheck receipt verify verifies. May run while the service does, and be repeated where it was broken off. First end the
principal's access: a token that is still good brings its id back.`;

interface GivenErasure {
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
    .addHelpText('after', eraseHelp)
    .action(async ({ principal, organization, by, dryRun = false, json = false }: GivenErasure) => {
      const config = await loadCurrentConfig();
      const { erase } = await import('./erase.js');
      await erase(config, { principal, organization: organization ?? null, by: by ?? null, dryRun, json });
    });
}
