import { mkdir, open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { privateFolder } from '../config/private-files.js';
import { systemCode } from './storage.js';

/** The directories from `root` down, made so that they, and the names in them, survive a power cut. */
export class Directories {
  readonly #root: string;
  /** Those made or found, and known to be durable, since the start. */
  readonly #known = new LRUCache<string, Promise<void>>({ max: 4096 });

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
    const topmost = await mkdir(this.#root, { recursive: true, mode: privateFolder });
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
