import { statfs } from 'node:fs/promises';
import { AttachmentError } from '../errors.js';

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
    const { blocks, bavail, bsize } = await statfs(this.#directory);
    // Some network file systems know no sizes and say 0 for all of them.
    if (blocks > 0 && bavail * bsize < this.#bytes)
      throw new AttachmentError('STORAGE_UNAVAILABLE', {
        cause: new Error(`Less than ${this.#bytes} bytes are left on the volume of the storage.`),
      });
    this.#lastSufficientAt = now;
  }
}
