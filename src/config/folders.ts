import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError } from './config.js';
import { privateFolder } from './files.js';

/**
 * Makes a private folder, and those above it that are missing. Returns the topmost one that it has made; undefined if the folder is
 * there. Node's recursive mkdir never ends where the system knows no new names, as in /proc.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const above = dirname(path);
  try {
    await mkdir(path, { mode: privateFolder });
    return path;
  } catch (error) {
    if (await isFolder(path)) return undefined;
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || (await isFolder(above))) throw error;
  }
  const topmost = await makeFolder(above);
  const made = await makeFolder(path);
  return topmost ?? made;
}

/** The setting's fault for each error of the system. */
const folderFaults: Readonly<Record<string, (path: string) => string>> = {
  EEXIST: (path) => `${path} is there, and is no folder`,
  ENOTDIR: (path) => `a part of ${path} is a file, and must be a folder`,
  EACCES: (path) => `this user may not make or open ${path}`,
  EROFS: (path) => `${path} is on a volume that cannot be written`,
  ENOSPC: (path) => `${path} is on a volume that is full`,
};

/** Does work in the folder that a setting names. Throws ConfigError, naming the setting, for what the system refuses. */
export async function inFolderOf<Result>(
  setting: string,
  path: string,
  work: () => Promise<Result>,
): Promise<Result> {
  return work().catch((error: unknown) => {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const { code = 'unknown', path: refused = path } = error as NodeJS.ErrnoException;
    const fault = folderFaults[code]?.(refused) ?? `the system does not make or open ${refused} (${code})`;
    throw new ConfigError([`${setting}: ${fault}`], { cause: error });
  });
}

/** The size of a file in the folder that a setting names; null if there is none. Throws ConfigError, naming the setting. */
export async function sizeInFolderOf(setting: string, path: string): Promise<number | null> {
  const look = () =>
    stat(path).catch((error: NodeJS.ErrnoException) => {
      if (/^ENO(ENT|TDIR)$/.test(error.code ?? '')) return null;
      throw error;
    });
  return (await inFolderOf(setting, dirname(path), look))?.size ?? null;
}

/** Makes the folder that a setting names. Throws ConfigError, naming the setting, if it cannot be made. */
export async function makeFolderOf(setting: string, path: string): Promise<void> {
  await inFolderOf(setting, path, () => makeFolder(path));
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}
