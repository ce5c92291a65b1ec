import { Readable, type Writable } from 'node:stream';
import { AttachmentError } from '../errors.js';
import type { ByteRange, ReadOptions, Storage } from '../storage/storage.js';

/** A client that takes nothing for so long keeps no stored object open. */
const restMs = 1_000;
/** Fewer bytes are sent in one go. */
const smallSize = 64 * 1024;

/** Whoever takes the bytes, and is closed in the end. */
type Client = Pick<Writable, 'destroyed' | 'once'>;

interface OpenOptions extends ReadOptions {
  /** Asked before the object is closed for a client that rests: whether it can be opened again then. */
  mayRest?: () => Promise<boolean>;
}

/**
 * Opens a part of a stored object for sending and waits for its first bytes, so that a fault shows while an error can
 * still be answered: STORAGE_UNAVAILABLE where the object is missing or unreadable. Later the stream either gives every
 * byte of the range or fails, and it is closed with the client's connection. The object is open only while the client takes
 * bytes: it is closed after its last byte has been read, and while a client rests. A small range is read whole before.
 */
export async function openBody(
  storage: Pick<Storage, 'read'>,
  documentKey: string,
  range: ByteRange,
  client: Client,
  { mayRest = async () => true, ...options }: OpenOptions = {},
): Promise<Readable | Buffer> {
  const open = async (rest: ByteRange) => {
    const stream = await storage.read(documentKey, rest, options);
    if (stream === null) throw unreadable(new Error('The storage has no such object.'));
    return stream;
  };
  // Here a fault that is none of the storage's stays what it is.
  if (range.end - range.start < smallSize) return readWhole(await open(range), range, client);
  const body = new StoredRange({ open, mayRest }, range, await open(range));
  if (client.destroyed) body.destroy();
  client.once('close', () => body.destroy());
  await firstBytes(body);
  return body;
}

/** The bytes of a small range: another stream around them costs more than they do. None once the client has gone. */
async function readWhole(stream: Readable, { start, end }: ByteRange, client: Client): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let missing = end - start + 1;
  client.once('close', () => stream.destroy());
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      missing -= chunk.byteLength;
      if (missing < 0) break;
    }
    if (missing !== 0) throw wrongLength(missing);
  } catch (error) {
    if (client.destroyed) return Buffer.alloc(0);
    throw error instanceof AttachmentError ? error : unreadable(toError(error));
  }
  return Buffer.concat(chunks);
}

const wrongLength = (missing: number) =>
  new Error(`The stored object is ${missing > 0 ? 'shorter' : 'longer'} than its row says.`);

/** Reads a range of an object, piece by piece as they are asked for. Fails where more or fewer bytes come than the range has. */
class StoredRange extends Readable {
  readonly #open: (rest: ByteRange) => Promise<Readable>;
  readonly #mayRest: () => Promise<boolean>;
  readonly #end: number;
  #position: number;
  #source: { stream: Readable; chunks: AsyncIterator<Uint8Array> } | null = null;
  #rest: NodeJS.Timeout | undefined;
  #reads = 0;

  constructor(
    {
      open,
      mayRest,
    }: { open: (rest: ByteRange) => Promise<Readable> } & Required<Pick<OpenOptions, 'mayRest'>>,
    { start, end }: ByteRange,
    first: Readable,
  ) {
    // Nothing is read ahead: the store's stream has the next piece at hand.
    super({ highWaterMark: 0 });
    this.#open = open;
    this.#mayRest = mayRest;
    this.#position = start;
    this.#end = end;
    this.#source = this.#take(first);
  }

  override _read(): void {
    clearTimeout(this.#rest);
    this.#reads += 1;
    // As a microtask, so that a stream which fails at once is listened to before it does.
    Promise.resolve()
      .then(() => this.#pass())
      .catch((error: unknown) => this.destroy(toError(error)));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#rest);
    this.#close();
    done(error);
  }

  async #pass(): Promise<void> {
    const chunk = await this.#next();
    if (this.destroyed) return;
    this.#position += chunk.byteLength;
    const missing = this.#end + 1 - this.#position;
    if (missing < 0) throw wrongLength(missing);
    if (missing === 0) this.#close();
    else this.#rest = setTimeout(() => void this.#takeRest(), restMs).unref();
    this.push(chunk);
    if (missing === 0) this.push(null);
  }

  async #takeRest(): Promise<void> {
    const reads = this.#reads;
    const mayRest = await this.#mayRest().catch(() => false);
    if (mayRest && this.#reads === reads) this.#close();
  }

  async #next(): Promise<Uint8Array> {
    const source = this.#source ?? this.#take(await this.#open({ start: this.#position, end: this.#end }));
    this.#source = source;
    for (;;) {
      const { done, value } = await source.chunks.next();
      if (done) throw wrongLength(this.#end + 1 - this.#position);
      if (value.byteLength > 0) return value;
    }
  }

  #take(stream: Readable) {
    // Whoever waits for its next chunk is told of a fault; nobody else needs to be.
    stream.on('error', () => undefined);
    if (this.destroyed) stream.destroy();
    return { stream, chunks: stream[Symbol.asyncIterator]() };
  }

  #close(): void {
    this.#source?.stream.destroy();
    this.#source = null;
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('The stored object cannot be read.', { cause: thrown });
}

/** Settles with the first bytes, or once the client has gone. */
function firstBytes(body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    body
      .once('readable', resolve)
      .once('close', resolve)
      .once('error', (error) => reject(error instanceof AttachmentError ? error : unreadable(error)));
  });
}

function unreadable(cause: unknown): AttachmentError {
  return new AttachmentError('STORAGE_UNAVAILABLE', { cause });
}

const singleRange = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The part of `size` bytes that a Range header asks for (RFC 9110, section 14). Null where the whole is to be sent: no
 * header, another unit, a malformed one, or a list of ranges, which is never worth the cost of answering it in pieces.
 */
export function readByteRange(header: string | undefined, size: number): ByteRange | 'UNSATISFIABLE' | null {
  const [, first = '', last = ''] = singleRange.exec(header ?? '') ?? [];
  if (first === '') return last === '' ? null : suffixRange(Number(last), size);

  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return null;
  return start < size ? { start, end: Math.min(end, size - 1) } : 'UNSATISFIABLE';
}

/** The last `length` bytes, or all where there are fewer. An empty file has no last bytes to name, so it is sent whole. */
function suffixRange(length: number, size: number): ByteRange | 'UNSATISFIABLE' | null {
  if (length === 0) return 'UNSATISFIABLE';
  return size === 0 ? null : { start: Math.max(0, size - length), end: size - 1 };
}
