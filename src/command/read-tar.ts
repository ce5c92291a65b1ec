/** A file of an archive. Its content must be read before the next one is asked for. */
export interface TarFile {
  path: string;
  size: number;
  content: AsyncIterable<Uint8Array>;
}

const blockSize = 512;
const maxPathBytes = 64 * 1024;

/** The files of a tar archive (ustar, pax and GNU's long names) one after the other. Throws if it is none, or is cut off. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const bytes = new Bytes(source);
  let longPath: string | null = null;
  for (;;) {
    const header = await bytes.take(blockSize);
    if (header.every((byte) => byte === 0)) return;
    assertHeader(header);
    const size = numberAt(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    const padding = (blockSize - (size % blockSize)) % blockSize;
    if (type === 'x' || type === 'L') {
      if (size > maxPathBytes) throw new Error('The archive has a path that is too long.');
      const text = Buffer.from(await bytes.take(size));
      longPath = type === 'L' ? textAt(text, 0, size) : (paxPath(text) ?? longPath);
    } else if (type === '0' || type === '\0') {
      const content = bytes.stream(size);
      yield { path: longPath ?? pathOf(header), size, content };
      for await (const _ of content);
      longPath = null;
    } else {
      for await (const _ of bytes.stream(size));
      longPath = null;
    }
    await bytes.take(padding);
  }
}

const textAt = (block: Buffer, start: number, length: number) =>
  block
    .subarray(start, start + length)
    .toString('utf8')
    .replace(/\0.*$/s, '');

function pathOf(header: Buffer): string {
  const prefix = textAt(header, 257, 5) === 'ustar' ? textAt(header, 345, 155) : '';
  const path = textAt(header, 0, 100);
  return prefix === '' ? path : `${prefix}/${path}`;
}

/** Octal digits, or for large numbers the bytes themselves behind a set bit. */
function numberAt(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const isBinary = ((field[0] ?? 0) & 0x80) !== 0;
  const value = isBinary
    ? field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
    : Number.parseInt(field.toString('latin1').replace(/[\0 ]+$/, '') || '0', 8);
  if (Number.isSafeInteger(value)) return value;
  throw new Error('The archive is not well formed.');
}

/** The sum of a header's bytes stands in it, as if its own place held spaces. */
function assertHeader(header: Buffer): void {
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== numberAt(header, 148, 8)) throw new Error('The archive is not well formed.');
}

/** Records `<length> <key>=<value>\n`, of which the path counts. */
function paxPath(records: Buffer): string | null {
  let path: string | null = null;
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(' ', at);
    const length = Number(records.toString('latin1', at, space));
    if (space === -1 || !Number.isInteger(length) || length <= 0) break;
    const [, value] = /^path=(.*)\n$/s.exec(records.toString('utf8', space + 1, at + length)) ?? [];
    path = value ?? path;
    at += length;
  }
  return path;
}

/** Takes bytes of a stream apart. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly so many. */
  async take(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.stream(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** As many, as they come. What has been read of them is not read again. */
  stream(count: number): AsyncIterable<Uint8Array> {
    let left = count;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined };
      if (this.#rest.length === 0) await this.#fill();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      return { done: false, value: part };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async #fill(): Promise<void> {
    while (this.#rest.length === 0) {
      const chunk = await this.#source.next();
      if (chunk.done) throw new Error('The archive ends too early.');
      this.#rest = Buffer.from(chunk.value);
    }
  }
}
