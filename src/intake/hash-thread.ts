import { Worker } from 'node:worker_threads';
import { AttachmentError } from '../errors.js';
import type { HashReply, HashRequest } from './hash-worker.js';

/** The most bytes that `update` takes at once. */
export const pieceSize = 256 * 1024;
const pieceCount = 8;

/** The contents lie in shared memory, outside of these. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * A thread that hashes any number of contents at a time, with md5. Bytes reach it by way of a few pieces of shared memory:
 * one copy each, and never more on the way than these hold. Once it has failed, everything it is asked fails likewise.
 */
export class HashThread {
  readonly #memory = new SharedArrayBuffer(pieceSize * pieceCount);
  readonly #freeOffsets = Array.from({ length: pieceCount }, (_, index) => index * pieceSize);
  readonly #waitingForOffset: Waiting<number>[] = [];
  readonly #waitingForDigest = new Map<number, Waiting<string>>();
  readonly #openIds = new Set<number>();
  readonly #worker: Worker;
  #lastId = 0;
  #failure: Error | null = null;

  constructor(workerFile: URL) {
    this.#worker = new Worker(workerFile, { workerData: this.#memory, resourceLimits });
    this.#worker
      .on('message', this.#onReply)
      .on('error', this.#fail)
      .on('exit', (code) => this.#fail(new Error(`The hashing thread has ended with code ${code}.`)))
      .unref();
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Starts a content. The process stays alive until `finish` or `forget` has ended it. */
  open(): number {
    this.#lastId += 1;
    this.#openIds.add(this.#lastId);
    this.#worker.ref();
    return this.#lastId;
  }

  /** Appends to a content. The chunks, `pieceSize` bytes at most, may be reused once the promise has resolved. */
  async update(id: number, chunks: readonly Uint8Array[]): Promise<void> {
    const offset = await this.#takeOffset();
    if (!this.#openIds.has(id)) return this.#giveBack(offset);
    const length = copyInto(new Uint8Array(this.#memory, offset, pieceSize), chunks);
    this.#post({ kind: 'update', id, offset, length });
  }

  /** Resolves with the digest of a content, in lowercase hexadecimal. */
  async finish(id: number): Promise<string> {
    try {
      return await new Promise((resolve, reject) => {
        if (this.#failure !== null) throw this.#failure;
        this.#waitingForDigest.set(id, { resolve, reject });
        this.#post({ kind: 'finish', id });
      });
    } finally {
      this.#end(id);
    }
  }

  /** Ends a content without a digest; one that is over already is no fault. */
  forget(id: number): void {
    if (!this.#openIds.has(id)) return;
    this.#end(id);
    this.#post({ kind: 'forget', id });
  }

  /** Ends the thread; whatever is still open fails. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #takeOffset(): Promise<number> {
    return new Promise((resolve, reject) => {
      const offset = this.#freeOffsets.pop();
      if (this.#failure !== null) reject(this.#failure);
      else if (offset !== undefined) resolve(offset);
      else this.#waitingForOffset.push({ resolve, reject });
    });
  }

  #giveBack(offset: number): void {
    const next = this.#waitingForOffset.shift();
    if (next === undefined) this.#freeOffsets.push(offset);
    else next.resolve(offset);
  }

  #end(id: number): void {
    this.#openIds.delete(id);
    this.#waitingForDigest.delete(id);
    if (this.#openIds.size === 0) this.#worker.unref();
  }

  #post(request: HashRequest): void {
    this.#worker.postMessage(request);
  }

  readonly #onReply = (reply: HashReply): void => {
    if (reply.kind === 'read') this.#giveBack(reply.offset);
    else this.#waitingForDigest.get(reply.id)?.resolve(reply.md5);
  };

  readonly #fail = (cause: unknown): void => {
    if (this.#failure !== null) return;
    this.#failure = new AttachmentError('INTERNAL_SERVER_ERROR', { cause });
    for (const waiting of [...this.#waitingForOffset, ...this.#waitingForDigest.values()])
      waiting.reject(this.#failure);
  };
}

function copyInto(target: Uint8Array, chunks: readonly Uint8Array[]): number {
  let length = 0;
  for (const chunk of chunks) {
    target.set(chunk, length);
    length += chunk.byteLength;
  }
  return length;
}
