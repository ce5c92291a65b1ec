import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { assertDocumentKey, assertPartition } from './document-key.js';
import {
  AlreadyStored,
  type ByteRange,
  type CreateOptions,
  type GrowingObjects,
  type GrowingWriter,
  type Growth,
  type ObjectWriter,
  type Storage,
} from './storage.js';

const chunkSize = 1024 * 1024;

/** Objects in this process's memory, gone with it: for trying things out, and for tests that need no disk. */
export function createMemoryStorage(): Storage {
  return new MemoryStorage();
}

class MemoryStorage implements Storage {
  readonly direct = null;
  readonly #objects = new Map<string, Buffer>();
  readonly growing = new MemoryGrowing(this.#objects);
  readonly #unfinished = new Set<MemoryWriter>();

  async create(key: string, { once = false }: CreateOptions = {}): Promise<ObjectWriter> {
    assertDocumentKey(key);
    const writer = new MemoryWriter(key, this.#objects, this.#unfinished, once);
    this.#unfinished.add(writer);
    return writer;
  }

  async read(key: string, range?: ByteRange): Promise<Readable | null> {
    assertDocumentKey(key);
    const object = this.#objects.get(key);
    if (object === undefined) return null;
    const content = range === undefined ? object : object.subarray(range.start, range.end + 1);
    return Readable.from(chunksOf(content), { objectMode: false, highWaterMark: chunkSize });
  }

  async size(key: string): Promise<number | null> {
    assertDocumentKey(key);
    return this.#objects.get(key)?.byteLength ?? null;
  }

  async remove(key: string): Promise<void> {
    assertDocumentKey(key);
    this.#objects.delete(key);
    await this.growing.discard(key);
  }

  async *list(partition: string): AsyncIterable<string> {
    assertPartition(partition);
    for (const key of this.#objects.keys()) if (key.startsWith(`${partition}/`)) yield key;
  }

  async removeUnfinished(
    partition: string,
    olderThanMs: number,
    isOnItsWay: (key: string) => Promise<boolean> = async () => false,
  ): Promise<number> {
    assertPartition(partition);
    const due = [...this.#unfinished].filter(
      ({ key, lastWriteAt }) => key.startsWith(`${partition}/`) && Date.now() - lastWriteAt >= olderThanMs,
    );
    let count = await this.growing.removeUnfinished(partition, isOnItsWay);
    for (const writer of due)
      if (!(await isOnItsWay(writer.key)) && this.#unfinished.delete(writer)) count += 1;
    return count;
  }

  async check(): Promise<void> {}
}

class MemoryGrowing implements GrowingObjects {
  readonly #objects: Map<string, Buffer>;
  /** By key and place. Each writer has a place of its own. */
  readonly #unfinished = new Map<string, Map<string, Buffer>>();

  constructor(objects: Map<string, Buffer>) {
    this.#objects = objects;
  }

  async append(key: string, from: Growth): Promise<GrowingWriter | null> {
    const begun = this.#find(key, from);
    if (begun === null) return null;
    const place = randomUUID();
    let written = begun;
    const kept = new Map(from.place === null ? [] : [[from.place, begun]]);
    this.#unfinished.set(key, kept);
    return {
      write: async (buffers) => {
        written = Buffer.concat([written, ...buffers]);
      },
      settle: async () => {
        kept.set(place, written);
        return { size: written.byteLength, place };
      },
      close: async (counted = null) => {
        if (counted === null || counted.place === place) return;
        kept.delete(place);
        if (kept.size === 0 && this.#unfinished.get(key) === kept) this.#unfinished.delete(key);
      },
    };
  }

  async holds(key: string, growth: Growth): Promise<boolean> {
    return this.#find(key, growth) !== null;
  }

  async beforeWriting(): Promise<null> {
    return null;
  }

  async finish(key: string, growth: Growth): Promise<boolean> {
    const whole = this.#find(key, growth);
    if (whole === null) return false;
    this.#objects.set(key, whole);
    this.#unfinished.delete(key);
    return true;
  }

  async discardOnly(key: string, { place }: Growth): Promise<void> {
    const kept = this.#unfinished.get(key);
    if (kept?.delete(place ?? '') && kept.size === 0) this.#unfinished.delete(key);
  }

  async discard(key: string): Promise<void> {
    this.#unfinished.delete(key);
  }

  async removeUnfinished(partition: string, isOnItsWay: (key: string) => Promise<boolean>): Promise<number> {
    const due = [...this.#unfinished.keys()].filter((key) => key.startsWith(`${partition}/`));
    let count = 0;
    for (const key of due) if (!(await isOnItsWay(key)) && this.#unfinished.delete(key)) count += 1;
    return count;
  }

  #find(key: string, { size, place }: Growth): Buffer | null {
    assertDocumentKey(key);
    if (size === 0) return Buffer.of();
    const found = this.#unfinished.get(key)?.get(place ?? '');
    return found && found.byteLength >= size ? found.subarray(0, size) : null;
  }
}

class MemoryWriter implements ObjectWriter {
  readonly key: string;
  lastWriteAt = Date.now();
  readonly #objects: Map<string, Buffer>;
  readonly #unfinished: Set<MemoryWriter>;
  readonly #chunks: Uint8Array[] = [];

  constructor(
    key: string,
    objects: Map<string, Buffer>,
    unfinished: Set<MemoryWriter>,
    private readonly once: boolean,
  ) {
    this.key = key;
    this.#objects = objects;
    this.#unfinished = unfinished;
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    this.#assertNotOver();
    for (const buffer of buffers) this.#chunks.push(Buffer.from(buffer));
    this.lastWriteAt = Date.now();
  }

  async commit(): Promise<void> {
    this.#assertNotOver();
    const isThere = this.once && this.#objects.has(this.key);
    if (isThere) await this.abort();
    if (isThere) throw new AlreadyStored();
    this.#objects.set(this.key, Buffer.concat(this.#chunks));
    await this.abort();
  }

  async abort(): Promise<void> {
    this.#unfinished.delete(this);
    this.#chunks.length = 0;
  }

  #assertNotOver(): void {
    if (!this.#unfinished.has(this)) throw new Error('The object was committed, aborted or removed before.');
  }
}

function* chunksOf(content: Buffer): Iterable<Buffer> {
  for (let start = 0; start < content.byteLength; start += chunkSize)
    yield Buffer.from(content.subarray(start, start + chunkSize));
}
