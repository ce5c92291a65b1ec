import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { privateFile } from '../config/files.js';
import { type Directories, EarlyFlush, onMedium, type ReservedSpace } from './local-disk.js';
import { AlreadyStored, type ObjectWriter, systemCode } from './storage.js';

/** Bytes that are sent to the disk at a time. */
const flushInterval = 32 * 1024 * 1024;
const unfinishedName = /^\.[0-9a-f-]{36}\.[0-9a-f-]{36}\.part$/;

/** Whether `name` is that of a file whose writer has not finished. */
export function isUnfinishedName(name: string): boolean {
  return unfinishedName.test(name);
}

/** The file's name once it is whole. */
export function finishedNameOf(unfinished: string): string {
  return unfinished.split('.')[1] ?? '';
}

export interface LocalWriterDependencies {
  directories: Directories;
  reserved: ReservedSpace;
}

/** Opens a writer whose bytes get the name `path` once they are whole. */
export async function openLocalWriter(
  deps: LocalWriterDependencies,
  path: string,
  once: boolean,
): Promise<ObjectWriter> {
  const directory = dirname(path);
  const unfinishedPath = join(directory, `.${basename(path)}.${randomUUID()}.part`);
  const file = await deps.directories.within(directory, () => open(unfinishedPath, 'wx', privateFile));
  return new LocalWriter(deps, file, unfinishedPath, { path, once });
}

class LocalWriter implements ObjectWriter {
  readonly #deps: LocalWriterDependencies;
  readonly #file: FileHandle;
  readonly #unfinishedPath: string;
  readonly #path: string;
  readonly #once: boolean;
  readonly #flush: EarlyFlush;
  #isOver = false;

  constructor(
    deps: LocalWriterDependencies,
    file: FileHandle,
    unfinishedPath: string,
    { path, once }: { path: string; once: boolean },
  ) {
    this.#deps = deps;
    this.#file = file;
    this.#flush = new EarlyFlush(file, flushInterval);
    this.#unfinishedPath = unfinishedPath;
    this.#path = path;
    this.#once = once;
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    this.#assertNotOver();
    await onMedium(async () => {
      // First the write, so that it is under way while its caller goes on to hash.
      const written = await writeAll(this.#file, buffers);
      await this.#deps.reserved.assertLeft();
      this.#flush.wrote(written);
    });
  }

  async commit(): Promise<void> {
    this.#assertNotOver();
    this.#isOver = true;
    await onMedium(async () => {
      try {
        await this.#flush.finish();
        await (this.#once ? nameOnce : rename)(this.#unfinishedPath, this.#path);
      } catch (error) {
        await this.#discard(this.#unfinishedPath);
        throw error;
      }
      await this.#settleName();
    });
  }

  async abort(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#discard(this.#unfinishedPath);
  }

  async #settleName(): Promise<void> {
    const closing = this.#file.close().catch(() => {});
    try {
      await this.#deps.directories.sync(dirname(this.#path));
    } catch (error) {
      await this.#discard(this.#path);
      throw error;
    } finally {
      await closing;
    }
  }

  /** Waits for the operations under way. */
  async #discard(path: string): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(path, { force: true }).catch(() => {});
  }

  #assertNotOver(): void {
    if (this.#isOver) throw new Error('The object was committed or aborted before.');
  }
}

/** A link is made only if there is no file of that name, in one step. File systems without links look before. */
async function nameOnce(unfinishedPath: string, path: string): Promise<void> {
  try {
    await link(unfinishedPath, path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') throw new AlreadyStored();
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) throw new AlreadyStored();
    await rename(unfinishedPath, path);
    return;
  }
  await rm(unfinishedPath, { force: true });
}

/**
 * Writes behind what was written before, or from an offset on. Resolves with the number of bytes. The system may take fewer than
 * it is given; the rest is offered again.
 */
export async function writeAll(
  file: FileHandle,
  buffers: readonly Uint8Array[],
  offset: number | null = null,
): Promise<number> {
  let total = 0;
  for (let rest = buffers.filter(({ byteLength }) => byteLength > 0); rest.length > 0; ) {
    const { bytesWritten } = await file.writev(rest, offset === null ? undefined : offset + total);
    total += bytesWritten;
    rest = skip(rest, bytesWritten);
  }
  return total;
}

function skip(buffers: readonly Uint8Array[], byteCount: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let toSkip = byteCount;
  for (const buffer of buffers) {
    if (toSkip < buffer.byteLength) rest.push(toSkip > 0 ? buffer.subarray(toSkip) : buffer);
    toSkip = Math.max(0, toSkip - buffer.byteLength);
  }
  return rest;
}
