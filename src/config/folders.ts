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

/** The setting's fault for each error of making its folder. */
const folderFaults: Readonly<Record<string, (path: string) => string>> = {
  EEXIST: (path) => `${path} is there, and is no folder`,
  ENOTDIR: (path) => `a part of ${path} is a file, and must be a folder`,
  EACCES: (path) => `this user may not make or open ${path}`,
  EROFS: (path) => `${path} is on a volume that cannot be written`,
  ENOSPC: (path) => `${path} is on a volume that is full`,
};

/** Makes the folder that a setting names. Throws ConfigError, naming the setting, if it cannot be made. */
export async function makeFolderOf(setting: string, path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => {
    const { code = 'unknown', path: refused = path } = error as NodeJS.ErrnoException;
    const fault = folderFaults[code]?.(refused) ?? `the system makes no folder ${refused} (${code})`;
    throw new ConfigError([`${setting}: ${fault}`], { cause: error });
  });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}
