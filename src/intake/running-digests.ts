import { LRUCache } from 'lru-cache';
import type { ContentHash, Digests, Hasher } from './hash-content.js';
import { Utf8Check } from './meter-content.js';

/** More uploads than these read their bytes again at their end. */
const maxKept = 1_000;

/** Digests of the first bytes of content, and whether these are UTF-8. */
export class RunningDigest {
  readonly #hash: ContentHash;
  readonly #utf8 = new Utf8Check();
  #size = 0;

  constructor(hash: ContentHash) {
    this.#hash = hash;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  async update(batch: readonly Uint8Array[]): Promise<void> {
    for (const piece of batch) this.#utf8.push(piece);
    await this.#hash.update(batch);
    for (const { byteLength } of batch) this.#size += byteLength;
  }

  async finish(): Promise<Digests & { isUtf8: boolean }> {
    return { ...(await this.#hash.finish([])), isUtf8: this.#utf8.holds };
  }

  forget(): void {
    this.#hash.forget();
  }
}

/**
 * Digests of uploads between two of their requests. They live in this process only: whoever goes on after another process, or after
 * a restart, finds none, and reads the bytes again at the end.
 */
export class RunningDigests {
  readonly #hasher: Pick<Hasher, 'start'>;
  readonly #kept = new LRUCache<string, RunningDigest>({
    max: maxKept,
    dispose: (digest, _id, reason) => {
      if (reason !== 'delete') digest.forget();
    },
  });

  constructor(hasher: Pick<Hasher, 'start'>) {
    this.#hasher = hasher;
  }

  /** That of the first `size` bytes, for its caller alone; null if it is not known. */
  take(targetId: string, size: number): RunningDigest | null {
    const kept = this.#kept.get(targetId);
    this.#kept.delete(targetId);
    if (kept?.size === size) return kept;
    kept?.forget();
    return size === 0 ? new RunningDigest(this.#hasher.start()) : null;
  }

  keep(targetId: string, digest: RunningDigest): void {
    this.#kept.set(targetId, digest);
  }
}
