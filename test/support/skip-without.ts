import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders of daemons; the PATH of an ordinary user seldom has them. */
const daemonFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * A suite that needs `program` of the system. Where it is missing, the suite is skipped and says, by name, how to install
 * it; with CI=true that is a failing test instead. `suite` gets the program's path, or its bare name where its tests are
 * only collected to be counted as skipped.
 */
export function describeWithProgram(
  program: string,
  howToInstall: string,
  suite: (path: string) => void,
): void {
  const title = `with ${program}`;
  const path = findProgram(program);
  if (path !== null) {
    describe(title, () => suite(path));
  } else if (process.env['CI'] === 'true') {
    test(title, () => {
      throw new Error(
        `${program} is not installed, and CI leaves nothing out. To install it: ${howToInstall}`,
      );
    });
  } else {
    process.stderr.write(
      `Skipped: the tests with ${program}, which is not installed. To run them: ${howToInstall}\n`,
    );
    describe.skip(title, () => suite(program));
  }
}

/** The path of the first executable file of that name in PATH or where daemons lie; null where there is none. */
export function findProgram(program: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...daemonFolders];
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
