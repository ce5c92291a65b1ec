import { type FileHandle, mkdir, open, rmdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createBoundedCache } from '../bounded-cache.js';
import { privateFolder } from '../config/files.js';
import { makeFolder } from '../config/folders.js';
import { AttachmentError } from '../errors.js';
import { systemCode, toStorageFault } from './storage.js';

/** The directories from `root` down, made so that they, and the names in them, survive a power cut. */
export class Directories {
  readonly #root: string;
  /** Those made or found, and known to be durable, since the start. */
  readonly #known = createBoundedCache<Promise<void>>(4096);

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the names now in `directory` durable. */
  readonly sync = shareSyncs(syncDirectory);

  /** Runs `work` in a `directory` that is there, also where somebody removes it, found empty, at the same time. */
  async within<T>(directory: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ensure(directory);
        return await work();
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || attempt === 5) throw error;
        this.#known.clear();
      }
    }
  }

  /** Removes `directory` and those above it, up to the root, as far as they are empty. */
  async prune(directory: string): Promise<void> {
    for (let empty = directory; empty !== this.#root; empty = dirname(empty)) {
      this.#known.delete(empty);
      const isRemoved = await rmdir(empty).then(
        () => true,
        () => false,
      );
      if (!isRemoved) return;
    }
  }

  #ensure(directory: string): Promise<void> {
    const known = this.#known.get(directory);
    if (known !== undefined) return known;
    const made = directory === this.#root ? this.#makeRoot() : this.#make(directory);
    this.#known.set(directory, made);
    made.catch(() => this.#known.delete(directory));
    return made;
  }

  async #make(directory: string): Promise<void> {
    const parent = dirname(directory);
    await this.#ensure(parent);
    await mkdir(directory, { mode: privateFolder }).catch(ignoreExisting);
    await this.sync(parent);
  }

  /** Folders above the root are the operator's and perhaps closed to us. Only those made here are synced. */
  async #makeRoot(): Promise<void> {
    const topmost = await makeFolder(this.#root);
    if (topmost === undefined) return;
    const above = dirname(topmost);
    for (let parent = dirname(this.#root); ; parent = dirname(parent)) {
      await this.sync(parent);
      if (parent === above) return;
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function ignoreExisting(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}

/**
 * Lets those who sync one path at the same time share the work: each is served by a sync that began after it asked, so at
 * most one is running and one waiting for each path.
 */
export function shareSyncs(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(path: string): Promise<void> {
    waiting.delete(path);
    const run = sync(path).finally(() => running.delete(path));
    running.set(path, run);
    return run;
  }

  return (path) => {
    const next = waiting.get(path);
    if (next !== undefined) return next;
    const current = running.get(path);
    if (current === undefined) return start(path);
    const following = current.catch(() => {}).then(() => start(path));
    waiting.set(path, following);
    return following;
  };
}

const trustedForMs = 100;

/** Bytes, unless somebody says otherwise. */
export const usualReserve = 64 * 1024 * 1024;

/**
 * Room that objects leave to whatever else lives on the volume, the database above all: a full volume must not stop it.
 * `bytes` is the size of that room.
 */
export class ReservedSpace {
  readonly #directory: string;
  readonly #bytes: number;
  #lastSufficientAt = Number.NEGATIVE_INFINITY;
  /** Everybody who asks while the volume is being asked has its answer. */
  #asking: Promise<void> | null = null;

  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.#bytes = bytes;
  }

  /** Throws STORAGE_UNAVAILABLE where less than the reserved room is left. Asks the volume ten times a second at most. */
  async assertLeft(): Promise<void> {
    const now = performance.now();
    if (now - this.#lastSufficientAt < trustedForMs) return;
    this.#asking ??= this.#ask(now).finally(() => {
      this.#asking = null;
    });
    await this.#asking;
  }

  async #ask(now: number): Promise<void> {
    const { blocks, bavail, bsize } = await onMedium(() => statfs(this.#directory));
    // Some network file systems know no sizes and say 0 for all of them.
    if (blocks > 0 && bavail * bsize < this.#bytes)
      throw new AttachmentError('STORAGE_UNAVAILABLE', {
        cause: new Error(`Less than ${this.#bytes} bytes are left on the volume of the storage.`),
      });
    this.#lastSufficientAt = now;
  }
}

/** Sends what has been written to the disk while more of it comes, so that little is left for the end. */
export class EarlyFlush {
  readonly #file: FileHandle;
  /** Bytes of one flush. */
  readonly #interval: number;
  /** All flushes begun so far: where one failed, bytes may be lost although a later one succeeds. */
  #flushes: Promise<unknown> = Promise.resolve();
  #isFlushing = false;
  #unflushed = 0;

  constructor(file: FileHandle, interval: number) {
    this.#file = file;
    this.#interval = interval;
  }

  /** Is told of bytes that have been written. A flush goes on beside the next ones, which do not wait for it. */
  wrote(bytes: number): void {
    this.#unflushed += bytes;
    if (this.#unflushed >= this.#interval && !this.#isFlushing) this.#begin();
  }

  /** Resolves once all that was written is durable. */
  async finish(): Promise<void> {
    await this.#flushes;
    this.#unflushed = 0;
    await this.#file.datasync();
  }

  #begin(): void {
    this.#unflushed = 0;
    this.#isFlushing = true;
    const flush = this.#file.datasync().finally(() => {
      this.#isFlushing = false;
    });
    this.#flushes = Promise.all([this.#flushes, flush]);
    // A failure is met at the end.
    this.#flushes.catch(() => {});
  }
}

/** Does `work` on the file system; what the system refuses becomes STORAGE_UNAVAILABLE with the refusal as its cause. */
export async function onMedium<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toStorageFault(error);
  }
}
