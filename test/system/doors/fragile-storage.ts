import { AttachmentError } from '../../../src/errors.js';
import { createLocalStorage } from '../../../src/storage/local.js';
import type { ByteRange, ObjectWriter, Storage } from '../../../src/storage/storage.js';

/** The operations of a storage. */
export type Operation = 'create' | 'write' | 'commit' | 'read' | 'remove';

/** Files on a disk that fails when told to, as a full or failing one does. */
export class FragileStorage implements Storage {
  readonly direct = null;
  readonly growing: Storage['growing'];
  /** Asked before each operation, with the object's key. */
  fails: (operation: Operation, key: string) => boolean = () => false;
  readonly #storage: Storage;

  constructor(directory: string) {
    this.#storage = createLocalStorage(directory);
    this.growing = this.#storage.growing;
  }

  async create(key: string): Promise<ObjectWriter> {
    this.#failWhereTold('create', key);
    const writer = await this.#storage.create(key);
    return {
      write: async (buffers) => {
        this.#failWhereTold('write', key);
        await writer.write(buffers);
      },
      commit: async () => {
        this.#failWhereTold('commit', key);
        await writer.commit();
      },
      abort: () => writer.abort(),
    };
  }

  async read(key: string, range?: ByteRange) {
    this.#failWhereTold('read', key);
    return this.#storage.read(key, range);
  }

  async remove(key: string): Promise<void> {
    this.#failWhereTold('remove', key);
    await this.#storage.remove(key);
  }

  size(key: string): Promise<number | null> {
    return this.#storage.size(key);
  }

  list(partition: string): AsyncIterable<string> {
    return this.#storage.list(partition);
  }

  removeUnfinished(...due: Parameters<Storage['removeUnfinished']>): Promise<number> {
    return this.#storage.removeUnfinished(...due);
  }

  check(): Promise<void> {
    return this.#storage.check();
  }

  #failWhereTold(operation: Operation, key: string): void {
    if (!this.fails(operation, key)) return;
    throw new AttachmentError('STORAGE_UNAVAILABLE', { cause: new Error(`${operation} fails, as told.`) });
  }
}
