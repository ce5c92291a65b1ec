import { Command, InvalidArgumentError } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import { describeFault, jsonOption } from './output.js';
import type { VerifyOptions } from './verify.js';

const mebibyte = 1024 * 1024;

/** Exit codes. */
const exitStatus = { allWell: 0, findings: 1, notRun: 2 } as const;

const explanation = `
Prints a line for each file that is missing, damaged (other bytes than those that came) or orphaned (bytes that no row
names), then a summary. Changes no file, and may run while the service does: it refuses damaged files from then on, and serves
them again once they are found whole. Where it stopped, by a signal or a crash, is kept in DATA_DIR for --resume.

Exit status: 0 all is well, 1 there are findings, 2 it could not run to its end.`;

interface GivenOptions {
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
    .addHelpText('after', explanation)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitStatus.notRun))
    .action(async (given: GivenOptions) => {
      process.exitCode = await run({
        bytesPerSecond: given.rate * mebibyte,
        resume: given.resume === true,
        allOrphans: given.allOrphans === true,
        since: given.since ?? null,
        json: given.json === true,
      });
    });
}

/** The first signal stops it at the next chunk, with its place kept; a second one ends it at once. */
async function run(options: VerifyOptions): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  try {
    const config = await loadCurrentConfig();
    const { verify } = await import('./verify.js');
    const isWell = await verify(config, options, stop.signal);
    return isWell ? exitStatus.allWell : exitStatus.findings;
  } catch (error) {
    process.stderr.write(`${describeFault(error)}\n`);
    return exitStatus.notRun;
  }
}

function parseRate(text: string): number {
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError('It must be a number of MiB a second, such as 50 or 0.5.');
}

function parseDay(text: string): Date {
  const day = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? text : Number.NaN);
  if (!Number.isNaN(day.getTime())) return day;
  throw new InvalidArgumentError('It must be a day, such as 2026-01-31.');
}
