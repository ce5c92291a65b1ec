import { type FileHandle, open, opendir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { privateFile } from '../config/files.js';
import {
  assertDocumentKey,
  assertPartition,
  isDocumentKey,
  isPartition,
  mayBeGrowing,
} from './document-key.js';
import { Directories, onMedium, ReservedSpace, usualReserve } from './local-disk.js';
import { growingNameOf, LocalGrowing, nullWhereMissing } from './local-growing.js';
import { finishedNameOf, isUnfinishedName, openLocalWriter } from './local-writer.js';
import {
  type ByteRange,
  type CreateOptions,
  type ObjectWriter,
  type ReadOptions,
  type Storage,
  systemCode,
  toStorageFault,
} from './storage.js';

export interface LocalStorageOptions {
  /** Bytes of the volume that objects leave free; 64 MiB where nothing is said. */
  reservedBytes?: number;
}

/**
 * Objects as files: each lies below `directory` at exactly its document key. The directory is made where it is missing.
 * Several processes may share one.
 */
export function createLocalStorage(directory: string, options: LocalStorageOptions = {}): Storage {
  return new LocalStorage(resolve(directory), options.reservedBytes ?? usualReserve);
}

class LocalStorage implements Storage {
  readonly direct = null;
  readonly growing: LocalGrowing;
  readonly #root: string;
  readonly #directories: Directories;
  readonly #reserved: ReservedSpace;

  constructor(root: string, reservedBytes: number) {
    this.#root = root;
    this.#directories = new Directories(root);
    this.#reserved = new ReservedSpace(root, reservedBytes);
    const deps = { directories: this.#directories, reserved: this.#reserved };
    this.growing = new LocalGrowing(deps, (key) => this.#pathOf(key));
  }

  async create(key: string, { once = false }: CreateOptions = {}): Promise<ObjectWriter> {
    const path = this.#pathOf(key);
    const deps = { directories: this.#directories, reserved: this.#reserved };
    return onMedium(() => openLocalWriter(deps, path, once));
  }

  async read(key: string, range?: ByteRange, options?: ReadOptions): Promise<Readable | null> {
    const path = this.#pathOf(key);
    return onMedium(async () => {
      const file = await open(path, 'r').catch(nullWhereMissing);
      if (file === null) return null;
      try {
        return readFileRange(file, range ?? { start: 0, end: (await file.stat()).size - 1 }, options);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  async size(key: string): Promise<number | null> {
    const path = this.#pathOf(key);
    return onMedium(async () => (await stat(path).catch(nullWhereMissing))?.size ?? null);
  }

  async remove(key: string): Promise<void> {
    const path = this.#pathOf(key);
    if (mayBeGrowing(key)) await this.growing.discard(key);
    await onMedium(async () => {
      const directory = dirname(path);
      if ((await unlink(path).catch(nullWhereMissing)) === null) return;
      await this.#directories.sync(directory).catch(nullWhereMissing);
      await this.#directories.prune(directory);
    });
  }

  async *list(partition: string): AsyncIterable<string> {
    for await (const { name, folder } of this.#filesOf(partition)) {
      const key = `${folder}/${name}`;
      if (isDocumentKey(key)) yield key;
    }
  }

  async removeUnfinished(
    partition: string,
    olderThanMs: number,
    isOnItsWay: (key: string) => Promise<boolean> = async () => false,
  ): Promise<number> {
    let count = 0;
    for await (const { name, folder } of this.#filesOf(partition)) {
      const growing = growingNameOf(name);
      if (growing !== null && !(await isOnItsWay(`${folder}/${growing}`)))
        count += await this.growing.discardWhereOlder(`${folder}/${growing}`, olderThanMs);
      if (!isUnfinishedName(name)) continue;
      const path = join(this.#root, folder, name);
      if (await isOnItsWay(`${folder}/${finishedNameOf(name)}`)) continue;
      if (await onMedium(() => removeWhereOlder(path, olderThanMs))) count += 1;
    }
    return count;
  }

  check(): Promise<void> {
    return onMedium(async () => {
      const probe = join(this.#root, '.probe');
      try {
        await this.#directories.within(this.#root, () => writeFile(probe, '.', { mode: privateFile }));
      } finally {
        await rm(probe, { force: true });
      }
      await this.#reserved.assertLeft();
    });
  }

  /** `folder` is the part of a key before its name. */
  async *#filesOf(partition: string): AsyncIterable<{ name: string; folder: string }> {
    assertPartition(partition);
    for await (const below of namesIn(join(this.#root, partition))) {
      const folder = `${partition}/${below}`;
      if (isPartition(folder)) yield* this.#filesOf(folder);
      else for await (const name of namesIn(join(this.#root, folder))) yield { name, folder };
    }
  }

  #pathOf(key: string): string {
    assertDocumentKey(key);
    return join(this.#root, key);
  }
}

/** Nothing where there is no such directory, or something else of that name. */
async function* namesIn(path: string): AsyncIterable<string> {
  try {
    for await (const { name } of await opendir(path)) yield name;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw toStorageFault(error);
  }
}

async function removeWhereOlder(path: string, olderThanMs: number): Promise<boolean> {
  const found = await stat(path).catch(nullWhereMissing);
  if (found === null || Date.now() - found.mtimeMs < olderThanMs) return false;
  await rm(path, { force: true });
  return true;
}

/** The first chunks are small, so that a client that takes none of them costs little memory. */
const firstChunkSize = 64 * 1024;
const usualChunkSize = 512 * 1024;

/** Streams a range of an open file, which is closed with the stream. Fails with STORAGE_UNAVAILABLE where it cannot be read. */
function readFileRange(
  file: FileHandle,
  { start, end }: ByteRange,
  { maxChunkSize = usualChunkSize }: ReadOptions = {},
): Readable {
  let position = start;
  let chunkSize = firstChunkSize;

  async function nextChunk(): Promise<Uint8Array | null> {
    const length = Math.min(chunkSize, end - position + 1);
    if (length <= 0) return null;
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
    position += bytesRead;
    chunkSize = Math.min(2 * chunkSize, maxChunkSize);
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  }

  return new Readable({
    // One chunk ahead, however large.
    highWaterMark: firstChunkSize,
    read() {
      nextChunk().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(toStorageFault(error)),
      );
    },
    destroy(error, done) {
      file.close().then(
        () => done(error),
        (closeError) => done(error ?? closeError),
      );
    },
  });
}
