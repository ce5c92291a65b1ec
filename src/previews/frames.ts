/*
 * Messages between the service and the process that decodes: four bytes with the length of a JSON text, that text, and as many
 * bytes as its member `bytes` says.
 */

export interface Frame {
  header: unknown;
  body: Buffer;
}

const lengthBytes = 4;
const maxHeaderBytes = 64 * 1024;

/** The beginning of a message whose body, of so many bytes, follows. */
export function frameHead(header: object, bytes: number): Buffer {
  const text = Buffer.from(JSON.stringify({ ...header, bytes }));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

/** Reads one message after the other. Throws for what is no message, or has more than `maxBytes`; ends with the stream. */
export async function* readFrames(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Frame, void, void> {
  const reader = new ByteReader(stream);
  for (;;) {
    const length = await reader.take(lengthBytes);
    if (length === null) return;
    const text = await reader.take(bounded(length.readUInt32BE(), maxHeaderBytes));
    const header: unknown = JSON.parse(String(text));
    const bytes: unknown = Reflect.get(Object(header), 'bytes');
    const body = await reader.take(bounded(Number(bytes), maxBytes));
    if (body === null) return;
    yield { header, body };
  }
}

function bounded(length: number, max: number): number {
  if (Number.isInteger(length) && length >= 0 && length <= max) return length;
  throw new RangeError(`A message has ${length} bytes.`);
}

class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next bytes; null if the stream ends before. */
  async take(length: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) return null;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, missing);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }
}
