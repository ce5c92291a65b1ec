import { createHash, type Hash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AttachmentError } from '../errors.js';
import { HashThread, pieceSize } from './hash-thread.js';
import { type MeteredContent, meterContent } from './meter-content.js';

/** Up to this many bytes, another thread costs more than it brings. */
const inlineLimit = 1024 * 1024;

export interface Hasher {
  /** Starts the digests of one content. */
  start(): ContentHash;
  /** Ends the thread; contents that it is hashing fail. */
  close(): Promise<void>;
}

/** Lowercase hexadecimal. */
export interface Digests {
  md5: string;
  sha256: string;
}

/** The digests of one content, ended by `finish` or `forget`. One call at a time. Chunks may be reused once a promise has resolved. */
export interface ContentHash {
  /** Appends. */
  update(chunks: readonly Uint8Array[]): Promise<void>;
  /** Appends the last chunks. A small content is best given whole, here. */
  finish(lastChunks: readonly Uint8Array[]): Promise<Digests>;
  /** Gives up, also while another call is under way. After `finish` it does nothing. */
  forget(): void;
}

/**
 * Small contents are hashed where they are; of larger ones the dearer half, md5, is left to a thread, which all share and
 * which the first of them starts. Where that thread fails, the contents under way fail, with INTERNAL_SERVER_ERROR, and
 * the next one starts a new thread.
 */
export function createHasher(workerFile = new URL('./hash-worker.js', import.meta.url)): Hasher {
  let thread: HashThread | null = null;

  function workingThread(): HashThread {
    if (thread === null || thread.hasFailed) thread = new HashThread(workerFile);
    return thread;
  }

  return {
    start: () => new SplitHash(workingThread),
    close: async () => thread?.close(),
  };
}

/** The md5 of a content in the making. */
interface Md5Place {
  thread: HashThread;
  id: number;
}

class SplitHash implements ContentHash {
  readonly #workingThread: () => HashThread;
  #sha256: Hash | null = null;
  #md5Place: Md5Place | null = null;

  constructor(workingThread: () => HashThread) {
    this.#workingThread = workingThread;
  }

  async update(chunks: readonly Uint8Array[]): Promise<void> {
    const { thread, id } = this.#placeOfMd5();
    this.#sha256 ??= createHash('sha256');
    for (const piece of cutIntoPieces(chunks)) {
      await thread.update(id, piece);
      for (const chunk of piece) this.#sha256.update(chunk);
    }
  }

  async finish(lastChunks: readonly Uint8Array[]): Promise<Digests> {
    if (this.#md5Place === null && byteLengthOf(lastChunks) <= inlineLimit) return hashHere(lastChunks);
    const { thread, id } = this.#placeOfMd5();
    await this.update(lastChunks);
    const sha256 = this.#sha256?.digest('hex') ?? '';
    return { md5: await thread.finish(id), sha256 };
  }

  forget(): void {
    this.#md5Place?.thread.forget(this.#md5Place.id);
  }

  #placeOfMd5(): Md5Place {
    if (this.#md5Place === null) {
      const thread = this.#workingThread();
      this.#md5Place = { thread, id: thread.open() };
    }
    return this.#md5Place;
  }
}

function hashHere(chunks: readonly Uint8Array[]): Digests {
  const [only, second] = chunks;
  if (only && !second) return { md5: hash('md5', only, 'hex'), sha256: hash('sha256', only, 'hex') };
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  for (const chunk of chunks) {
    md5.update(chunk);
    sha256.update(chunk);
  }
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}

/** Deals the chunks out in groups of `pieceSize` bytes, the last one of what is left. Copies nothing. */
function* cutIntoPieces(chunks: readonly Uint8Array[]): Iterable<Uint8Array[]> {
  let piece: Uint8Array[] = [];
  let room = pieceSize;
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.byteLength; ) {
      const part = chunk.subarray(start, start + room);
      piece.push(part);
      start += part.byteLength;
      room -= part.byteLength;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = pieceSize;
    }
  }
  if (piece.length > 0) yield piece;
}

function byteLengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Content that was read to its end. */
export type Measured = MeteredContent & Digests;

/** Reads content that is not to be stored. Throws FILE_TOO_LARGE for more than `maxSize` bytes. */
export async function measure(
  hasher: Hasher,
  content: Readable,
  maxSize: number,
  signal?: AbortSignal,
): Promise<Measured> {
  const hash = hasher.start();
  try {
    const metered = await meterContent(content, maxSize, (batch) => hash.update(batch), signal);
    return { ...metered, ...(await hash.finish(metered.lastBatch)) };
  } finally {
    hash.forget();
  }
}

/** How content comes in. */
export type Door = 'multipart' | 'base64' | 'dataUrl' | 'documentKey' | 'direct' | 'tus';

export type UploadOutcome = 'accepted' | 'refused' | 'failed';

/** Told of content, so that somebody can count it. */
export interface UploadMeter {
  /** Bytes that have been stored. */
  onStored(door: Door, bytes: number): void;
  /** `accepted`: an attachment has been made of it or, of bytes for a target, they are there. `failed`: by our own fault. */
  onUpload(door: Door, outcome: UploadOutcome): void;
}

/** Does `work`, all that becomes of content that came through `door`, and tells how it went. */
export async function measureUpload<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  const result = await measureFailure(meter, door, work);
  meter.onUpload(door, 'accepted');
  return result;
}

/** Does `work`, the beginning of what becomes of content that came through `door`, and tells of a failure only: nothing follows one. */
export async function measureFailure<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isClients = error instanceof AttachmentError && error.status < 500;
    meter.onUpload(door, isClients ? 'refused' : 'failed');
    throw error;
  }
}
