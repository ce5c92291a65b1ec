import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { repositoryRoot } from './source-files.js';

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
  const path = findProgram(program);
  describeWith({ name: program, isThere: path !== null, howToInstall }, () => suite(path ?? program));
}

/**
 * A suite that needs the packages of a folder, which have a lock file of their own. Skipped like one that needs a program: then its
 * tests are collected without the packages.
 */
export function describeWithPackages(folder: string, suite: () => void): void {
  const name = relative(repositoryRoot, folder);
  const isThere = existsSync(join(folder, 'node_modules'));
  describeWith({ name: `the packages of ${name}`, isThere, howToInstall: `npm ci --prefix ${name}` }, suite);
}

interface Need {
  name: string;
  isThere: boolean;
  howToInstall: string;
}

function describeWith({ name, isThere, howToInstall }: Need, suite: () => void): void {
  const title = `with ${name}`;
  if (isThere) {
    describe(title, suite);
  } else if (process.env['CI'] === 'true') {
    test(title, () => {
      throw new Error(`${name} is not installed, and CI leaves nothing out. To install it: ${howToInstall}`);
    });
  } else {
    process.stderr.write(
      `Skipped: the tests with ${name}, which is not installed. To run them: ${howToInstall}\n`,
    );
    describe.skip(title, suite);
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
