import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { privateFile } from '../config/files.js';
import { AttachmentError } from '../errors.js';
import { EarlyFlush, onMedium } from './local-disk.js';
import { type LocalWriterDependencies, writeAll } from './local-writer.js';
import { type GrowingObjects, type GrowingWriter, type Growth, systemCode } from './storage.js';

/** Bytes that are sent to the disk at a time: some parts of a chunk of the usual 5 to 16 MiB. */
const flushInterval = 2 * 1024 * 1024;

const folderName = /^\.([0-9a-f-]{36})\.growing$/;
const placeName = /^[0-9a-f-]{36}$/;

/** The last part of the key whose bytes a folder of this name holds; null for any other name. */
export function growingNameOf(name: string): string | null {
  return folderName.exec(name)?.[1] ?? null;
}

/** Each in a folder beside its final name, in a file that no two processes write to at a time. */
export class LocalGrowing implements GrowingObjects {
  readonly #deps: LocalWriterDependencies;
  readonly #pathOf: (key: string) => string;

  constructor(deps: LocalWriterDependencies, pathOf: (key: string) => string) {
    this.#deps = deps;
    this.#pathOf = pathOf;
  }

  async append(key: string, { size, place }: Growth, isContested: boolean): Promise<GrowingWriter | null> {
    const folder = this.#folderOf(key);
    const write = (file: FileHandle, name: string, isNew: boolean) =>
      new LocalGrowingWriter(this.#deps, file, { folder, name, size, isNew });
    return onMedium(async () => {
      if (size === 0 || place === null) {
        const name = randomUUID();
        if (place !== null) await rm(pathOf(folder, place), { force: true });
        const create = () => open(join(folder, name), 'wx', privateFile);
        return write(await this.#deps.directories.within(folder, create), name, true);
      }
      const name = isContested ? await copyOf(folder, place) : place;
      const file = name === null ? null : await open(pathOf(folder, name), 'r+').catch(nullWhereMissing);
      if (name === null || file === null) return null;
      if (await cutTo(file, size)) return write(file, name, isContested);
      await file.close();
      return null;
    });
  }

  async holds(key: string, growth: Growth): Promise<boolean> {
    const found = await onMedium(() => stat(this.#fileOf(key, growth)).catch(nullWhereMissing));
    return found !== null && found.size >= growth.size;
  }

  async beforeWriting(): Promise<null> {
    return null;
  }

  async finish(key: string, growth: Growth): Promise<boolean> {
    const path = this.#pathOf(key);
    const isNew = await onMedium(async () => {
      const isRenamed = await rename(await this.#cutToSize(key, growth), path).then(
        () => true,
        nullWhereMissing,
      );
      if ((await stat(path).catch(nullWhereMissing))?.size !== growth.size) throw lost();
      await this.#deps.directories.sync(dirname(path));
      return isRenamed ?? false;
    });
    // A copy that nobody needs may be in it; a sweep removes one that cannot be removed now.
    await this.discard(key).catch(() => undefined);
    return isNew;
  }

  /** Returns the path of the file, which need not be there. */
  async #cutToSize(key: string, growth: Growth): Promise<string> {
    const path = this.#fileOf(key, growth);
    const file = await open(path, 'r+').catch(nullWhereMissing);
    if (file !== null && !(await cutTo(file, growth.size).finally(() => file.close()))) throw lost();
    return path;
  }

  async discardOnly(key: string, growth: Growth): Promise<void> {
    await onMedium(async () => {
      await rm(this.#fileOf(key, growth), { force: true });
      await this.#deps.directories.prune(this.#folderOf(key));
    });
  }

  async discard(key: string): Promise<void> {
    const folder = this.#folderOf(key);
    await onMedium(async () => {
      const names = await readdir(folder).catch(nullWhereMissing);
      if (names === null) return;
      for (const name of names) await rm(join(folder, name), { force: true });
      await this.#deps.directories.prune(folder);
    });
  }

  /** Returns how many were discarded: one at most. */
  async discardWhereOlder(key: string, olderThanMs: number): Promise<number> {
    const folder = this.#folderOf(key);
    const newest = await onMedium(async () => {
      const names = (await readdir(folder).catch(nullWhereMissing)) ?? [];
      const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(nullWhereMissing)));
      return Math.max(0, ...found.map((file) => file?.mtimeMs ?? 0));
    });
    if (Date.now() - newest < olderThanMs) return 0;
    await this.discard(key);
    return 1;
  }

  #folderOf(key: string): string {
    const path = this.#pathOf(key);
    return join(dirname(path), `.${basename(path)}.growing`);
  }

  #fileOf(key: string, { place }: Growth): string {
    // Nothing has such a name.
    return place === null ? join(this.#folderOf(key), 'none') : pathOf(this.#folderOf(key), place);
  }
}

function pathOf(folder: string, place: string): string {
  if (!placeName.test(place)) throw new RangeError('This is no place of a growing file.');
  return join(folder, place);
}

/**
 * A copy under a name of its own, which a process that still writes to the original cannot change. Copies of others, which nobody
 * has told of, go. Null where the original is not there.
 */
async function copyOf(folder: string, place: string): Promise<string | null> {
  const name = randomUUID();
  for (const other of (await readdir(folder).catch(nullWhereMissing)) ?? [])
    if (other !== place) await rm(join(folder, other), { force: true });
  const copying = copyFile(pathOf(folder, place), join(folder, name), constants.COPYFILE_FICLONE);
  return copying.then(() => name, nullWhereMissing);
}

/** False where the file is shorter. */
async function cutTo(file: FileHandle, size: number): Promise<boolean> {
  const found = (await file.stat()).size;
  if (found > size) {
    await file.truncate(size);
    await file.datasync();
  }
  return found >= size;
}

function lost(): AttachmentError {
  return new AttachmentError('STORAGE_UNAVAILABLE', { cause: new Error('The unfinished file is gone.') });
}

interface GrowingFile {
  folder: string;
  name: string;
  /** In bytes. */
  size: number;
  /** Its name is not durable yet. */
  isNew: boolean;
}

class LocalGrowingWriter implements GrowingWriter {
  readonly #deps: LocalWriterDependencies;
  readonly #file: FileHandle;
  readonly #grown: GrowingFile;
  readonly #flush: EarlyFlush;

  constructor(deps: LocalWriterDependencies, file: FileHandle, grown: GrowingFile) {
    this.#deps = deps;
    this.#file = file;
    this.#flush = new EarlyFlush(file, flushInterval);
    this.#grown = grown;
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    await onMedium(async () => {
      const written = await writeAll(this.#file, buffers, this.#grown.size);
      await this.#deps.reserved.assertLeft();
      this.#grown.size += written;
      this.#flush.wrote(written);
    });
  }

  async settle(): Promise<Growth> {
    const { size, name: place, folder, isNew } = this.#grown;
    await onMedium(async () => {
      await this.#flush.finish();
      if (isNew) await this.#deps.directories.sync(folder);
    });
    this.#grown.isNew = false;
    return { size, place };
  }

  async close(counted: Growth | null = null): Promise<void> {
    // Whoever goes on cuts off what stays.
    if (counted) await this.#keepOnly(counted).catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }

  async #keepOnly({ size, place }: Growth): Promise<void> {
    const { folder, name } = this.#grown;
    if (place === name) {
      await cutTo(this.#file, size);
      return;
    }
    await rm(join(folder, name), { force: true });
    await this.#deps.directories.prune(folder);
  }
}

/** For what the file system is asked about a file that may not be there. */
export function nullWhereMissing(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}
