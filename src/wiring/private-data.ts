import { access, constants, opendir, readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Config } from '../config/config.js';
import { closeToOthers, isOpenToOthers, modeOf, type OpenToOthers } from '../config/files.js';
import { inFolderOf, makeFolderOf } from '../config/folders.js';
import { usualStorage } from '../config/integration-settings.js';
import { systemCode } from '../storage/storage.js';
import type { Log } from './open-stores.js';

/** The names that the service itself puts into DATA_DIR; other files may be there too. */
const ownName = /^(claimcheck\.sqlite|signing-secret|webhook-secret|receipt-keys\.json|verify-state\.json)/;
const dayFolder = /^\d{4}-\d{2}-\d{2}$/;
/** The most stored files and folders that are looked at before the start; the rest follow while the service runs. */
const lookedAtFirst = 1_000;

/** Makes the folders of the settings. Throws ConfigError, naming the setting, if one cannot be made or is closed. */
export async function assertFolders({ dataDirectory, storage }: Pick<Config, 'dataDirectory' | 'storage'>) {
  await makeFolderOf('DATA_DIR', dataDirectory);
  if (typeof storage !== 'string') return;
  const isUsual = storage === usualStorage(dataDirectory);
  const setting = isUsual ? 'DATA_DIR' : 'STORAGE_URL';
  await makeFolderOf(setting, storage);
  await inFolderOf(setting, storage, () => assertOpen(storage));
}

/** Throws the system's error if this user may not use a folder. A volume that is read-only for now may still be read. */
async function assertOpen(folder: string): Promise<void> {
  const { R_OK, W_OK, X_OK } = constants;
  await access(folder, R_OK | W_OK | X_OK).catch((error: unknown) => {
    if (systemCode(error) !== 'EROFS') throw error;
  });
}

/**
 * Takes from other users of the machine what they may do with DATA_DIR and the stored files, also with those of older versions.
 * The top folders are closed at once, which protects all below; the files below follow, a thousand now and the rest in the
 * background. Warns of what cannot be closed. The result ends what goes on in the background.
 */
export async function closeDataToOthers(
  { dataDirectory, storage }: Pick<Config, 'dataDirectory' | 'storage'>,
  log: Pick<Log, 'warn'>,
): Promise<() => Promise<void>> {
  const tell = createTeller(log);
  tell(await closeToOthers(dataDirectory));
  const names = await readdir(dataDirectory).catch(() => []);
  for (const name of names) if (ownName.test(name)) tell(await closeToOthers(join(dataDirectory, name)));
  if (typeof storage !== 'string') return async () => {};
  if (storage.startsWith(`${dataDirectory}${sep}`)) tell(await closeToOthers(storage));
  else await warnOfOpenFolder(storage, log);
  return closeStoredFiles(storage, tell);
}

type Tell = (open: OpenToOthers | null) => void;

/** Tells each reason once: there may be a million files. */
function createTeller(log: Pick<Log, 'warn'>): Tell {
  const told = new Set<string>();
  return (open) => {
    if (open === null || told.has(open.reason)) return;
    told.add(open.reason);
    log.warn(open, 'other users of this machine may get at stored data');
  };
}

/** A folder that is not in DATA_DIR is the operator's: its mode stays. */
async function warnOfOpenFolder(path: string, log: Pick<Log, 'warn'>): Promise<void> {
  const mode = await modeOf(path);
  if (mode === null || !isOpenToOthers(mode & 0o007)) return;
  log.warn(
    { path, mode: (mode & 0o777).toString(8) },
    'the folder in STORAGE_URL is open to every user of this machine; its mode is left alone',
  );
}

async function closeStoredFiles(root: string, tell: Tell): Promise<() => Promise<void>> {
  const stop = new AbortController();
  let lookedAt = 0;
  let letGo = () => {};
  const enough = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const close = async (path: string): Promise<void> => {
    tell(await closeToOthers(path));
    lookedAt += 1;
    if (lookedAt === lookedAtFirst) letGo();
  };
  const closing = closeDays(root, { close, tell }, stop.signal).catch(() => undefined);
  await Promise.race([closing, enough]);
  return () => {
    stop.abort();
    return closing;
  };
}

type Close = (path: string) => Promise<void>;

/** A folder that cannot be looked through is told, and leaves the others to be closed; one may also be removed meanwhile. */
async function closeDays(
  root: string,
  { close, tell }: { close: Close; tell: Tell },
  stop: AbortSignal,
): Promise<void> {
  for await (const entry of await opendir(root)) {
    if (stop.aborted) return;
    if (!entry.isDirectory() || !dayFolder.test(entry.name)) continue;
    const path = join(root, entry.name);
    try {
      await closeTree(path, close, stop);
    } catch (error) {
      const mode = await modeOf(path);
      const reason = `it cannot be looked through (${systemCode(error) ?? 'unknown'})`;
      if (mode !== null) tell({ path, mode: (mode & 0o777).toString(8), reason });
    }
  }
}

/** A folder is closed after all in it. So one that is closed already needs no look inside, and a walk that was ended goes on. */
async function closeTree(folder: string, close: Close, stop: AbortSignal): Promise<void> {
  const mode = await modeOf(folder);
  if (mode === null || !isOpenToOthers(mode)) return;
  for await (const entry of await opendir(folder)) {
    if (stop.aborted) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await closeTree(path, close, stop);
    else if (entry.isFile()) await close(path);
  }
  if (!stop.aborted) await close(folder);
}
