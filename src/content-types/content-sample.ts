/** Bytes that are looked at to find a content type: the beginning, and any others for as long as that costs little. */
export interface ContentSource {
  /** In bytes. */
  size: number;
  /** The first bytes, or all. */
  head: Uint8Array;
  /** Whether all of it, not just its head, is UTF-8. */
  isUtf8: boolean;
  /** Reads a range whose end is not included. */
  read(start: number, end: number): Promise<Uint8Array>;
}

const blockSize = 32 * 1024;
/** However a file is made, no more than this is read of it. */
const maxBlocks = 64;
const maxReads = 24;

/** Reads content by blocks, each once, within bounds that no content can pass. */
export class ContentSample {
  readonly size: number;
  readonly head: Buffer;
  readonly isUtf8: boolean;
  readonly #source: ContentSource;
  readonly #blocks = new Map<number, Buffer>();
  #reads = 0;

  constructor(source: ContentSource) {
    this.#source = source;
    this.size = source.size;
    this.isUtf8 = source.isUtf8;
    this.head = Buffer.from(source.head.buffer, source.head.byteOffset, source.head.byteLength);
  }

  /** The bytes from `start` on, fewer than `length` at the end of the content; null once too much has been read. */
  async bytes(start: number, length: number): Promise<Buffer | null> {
    const end = Math.min(start + length, this.size);
    if (!Number.isSafeInteger(start) || start < 0 || start >= end) return Buffer.alloc(0);
    if (end <= this.head.length) return this.head.subarray(start, end);
    const first = Math.floor(start / blockSize);
    const last = Math.floor((end - 1) / blockSize);
    if (!(await this.#load(first, last))) return null;
    const blocks = Array.from({ length: last - first + 1 }, (_, index) => this.#blocks.get(first + index));
    const whole = Buffer.concat(blocks.flatMap((block) => block ?? []));
    return whole.subarray(start - first * blockSize, end - first * blockSize);
  }

  /** One read for all that is missing between two blocks. */
  async #load(first: number, last: number): Promise<boolean> {
    if (last - first >= maxBlocks) return false;
    const missing = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
      (index) => !this.#blocks.has(index),
    );
    const [from] = missing;
    if (from === undefined) return true;
    const to = missing.at(-1) ?? from;
    if (this.#blocks.size + (to - from + 1) > maxBlocks || this.#reads === maxReads) return false;
    this.#reads += 1;
    const start = from * blockSize;
    const content = Buffer.from(await this.#source.read(start, Math.min((to + 1) * blockSize, this.size)));
    for (let index = from; index <= to; index++) {
      this.#blocks.set(index, content.subarray(index * blockSize - start, (index + 1) * blockSize - start));
    }
    return true;
  }
}
