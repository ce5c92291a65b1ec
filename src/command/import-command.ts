import { Command } from 'commander';
import { loadCurrentConfig } from '../wiring/existing-database.js';
import { describeFault, jsonOption } from './output.js';

/** Exit codes. */
const exitStatus = { allWell: 0, refusals: 1, notRun: 2 } as const;

const explanation = `
The list has a JSON object a line: id, organizationId, fileName, createdAt, createdBy and one of path and url, and perhaps
contentType, size, sha256, md5, description, metadata, record, field and position. Prints a line for each that is refused,
with its number and the reason; nothing of such a line is kept. May be broken off and repeated: attachments that are there,
or were deleted since, stay as they are.

Exit status: 0 all is there, 1 lines were refused, 2 it could not run to its end.`;

interface GivenOptions {
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
    .option('--files <folder>', 'paths are relative to it; default: the folder of the list')
    .option('--tar', 'paths are those of a tar archive on standard input')
    .option('--dry-run', 'read and check everything, and write nothing')
    .option(...jsonOption)
    .addHelpText('after', explanation)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitStatus.notRun))
    .action(async (given: GivenOptions) => {
      process.exitCode = await run(given);
    });
}

/** The first signal stops it after the lines under way; a second one ends it at once. */
async function run({
  from,
  files,
  tar = false,
  dryRun = false,
  json = false,
}: GivenOptions): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  try {
    const config = await loadCurrentConfig();
    const { importList } = await import('./import.js');
    const isWell = await importList(config, { from, files: files ?? null, tar, dryRun, json }, stop.signal);
    return isWell ? exitStatus.allWell : exitStatus.refusals;
  } catch (error) {
    process.stderr.write(`${describeFault(error)}\n`);
    return exitStatus.notRun;
  }
}
