import { LRUCache } from 'lru-cache';
import type { Faults, Loc } from '../errors.js';
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

/** A digest that the client has computed of its bytes; `hash` is hexadecimal. */
export interface Digest {
  algorithm: 'MD5' | 'SHA256';
  hash: string;
}

const lengths = { MD5: 32, SHA256: 64 } as const;

/** Notes a fault if this is no digest, or not that of the bytes that came; null: there are none to compare it with. */
export function checkDigest(
  faults: Faults,
  { algorithm, hash }: Digest,
  actual: Digests | null,
  loc: Loc = ['input', 'digest', 'hash'],
): void {
  if (hash.length !== lengths[algorithm] || !/^[0-9a-f]+$/i.test(hash)) {
    const msg = `A ${algorithm} digest has ${lengths[algorithm]} hexadecimal digits.`;
    faults.add('invalid_digest', loc, msg);
    return;
  }
  if (actual === null) return;
  const found = algorithm === 'MD5' ? actual.md5 : actual.sha256;
  if (hash.toLowerCase() === found) return;
  faults.add('digest_mismatch', loc, `The ${algorithm} digest of the bytes that came is ${found}.`);
}

/** As a column has it; null without one. */
export const writeDigest = (digest: Digest | null): string | null =>
  digest && `${digest.algorithm}:${digest.hash.toLowerCase()}`;

/** Notes a fault if bytes do not have the digest that `writeDigest` has written. */
export function checkWritten(faults: Faults, written: string | null, actual: Digests): void {
  const [algorithm, hash = ''] = written?.split(':') ?? [];
  if (algorithm === 'MD5' || algorithm === 'SHA256') checkDigest(faults, { algorithm, hash }, actual);
}
