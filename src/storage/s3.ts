import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../config/integration-settings.js';
import { assertDocumentKey, assertPartition, isDocumentKey, mayBeGrowing } from './document-key.js';
import {
  createReadingClient,
  createS3Client,
  nullWhereMissing,
  onStore,
  type StoreTimeouts,
  toStoreFault,
  usualTimeouts,
} from './s3-client.js';
import { S3DirectAccess } from './s3-direct-access.js';
import { removeUnfinishedUploads, S3Growing } from './s3-growing.js';
import { S3Writer } from './s3-writer.js';
import type {
  ByteRange,
  CreateOptions,
  DirectAccess,
  GrowingObjects,
  ObjectWriter,
  Storage,
} from './storage.js';

/** Whoever asks whether all is well cannot wait for the last of all attempts. */
const checkTimeoutMs = 5_000;

/** Objects in a bucket: each at its document key behind the prefix. Any number of processes may share one. */
export function createS3Storage(location: S3Location, timeouts = usualTimeouts): Storage {
  return new S3Storage(location, timeouts);
}

class S3Storage implements Storage {
  readonly direct: DirectAccess;
  readonly growing: GrowingObjects;
  readonly #location: S3Location;
  readonly #timeouts: StoreTimeouts;
  readonly #client: S3Client;
  readonly #reader: S3Client;

  constructor(location: S3Location, timeouts: StoreTimeouts) {
    this.#location = location;
    this.#timeouts = timeouts;
    this.#client = createS3Client(location, timeouts);
    this.#reader = createReadingClient(location, timeouts);
    this.direct = new S3DirectAccess(this.#client, location);
    this.growing = new S3Growing(this.#client, location);
  }

  async create(key: string, { once = false }: CreateOptions = {}): Promise<ObjectWriter> {
    const isThere = async () => once && (await this.size(key)) !== null;
    return new S3Writer(this.#client, this.#objectOf(key), isThere);
  }

  async read(key: string, range?: ByteRange): Promise<Readable | null> {
    const object = this.#objectOf(key);
    if (range && range.end < range.start) return (await this.size(key)) === null ? null : Readable.from([]);
    const Range = range ? `bytes=${range.start}-${range.end}` : undefined;
    return onStore(async () => {
      const answer = await nullWhereMissing(this.#reader.send(new GetObjectCommand({ ...object, Range })));
      if (answer === null) return null;
      const { Body, ContentLength } = answer;
      if (!(Body instanceof Readable)) throw new Error('The store has sent no body.');
      return new S3Body(Body, ContentLength ?? 0, this.#timeouts.silence);
    });
  }

  async size(key: string): Promise<number | null> {
    const object = this.#objectOf(key);
    return onStore(async () => {
      const head = await nullWhereMissing(this.#client.send(new HeadObjectCommand(object)));
      return head?.ContentLength ?? null;
    });
  }

  async remove(key: string): Promise<void> {
    const object = this.#objectOf(key);
    if (mayBeGrowing(key)) await this.growing.discard(key);
    await onStore(() => this.#client.send(new DeleteObjectCommand(object)));
  }

  async *list(partition: string): AsyncIterable<string> {
    assertPartition(partition);
    const { bucket: Bucket, prefix } = this.#location;
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket, Prefix: `${prefix}${partition}/` },
    );
    try {
      for await (const { Contents = [] } of pages) {
        for (const { Key = '' } of Contents) {
          const key = Key.slice(prefix.length);
          if (isDocumentKey(key)) yield key;
        }
      }
    } catch (error) {
      throw toStoreFault(error);
    }
  }

  async removeUnfinished(
    partition: string,
    olderThanMs: number,
    isOnItsWay: (key: string) => Promise<boolean> = async () => false,
  ): Promise<number> {
    assertPartition(partition);
    const due = { partition, before: new Date(Date.now() - olderThanMs), isOnItsWay };
    return onStore(() => removeUnfinishedUploads(this.#client, this.#location, due));
  }

  async check(): Promise<void> {
    const probe = { Bucket: this.#location.bucket, Key: `${this.#location.prefix}.probe`, Body: '.' };
    const abortSignal = AbortSignal.timeout(checkTimeoutMs);
    await onStore(() => this.#client.send(new PutObjectCommand(probe), { abortSignal }));
  }

  #objectOf(key: string): { Bucket: string; Key: string } {
    assertDocumentKey(key);
    return { Bucket: this.#location.bucket, Key: `${this.#location.prefix}${key}` };
  }
}

/**
 * Passes on what the store sends. Fails with STORAGE_UNAVAILABLE where that breaks off, has another length than was said, or
 * does not go on for `silenceMs` while more is wanted; whoever reads it may pause for as long as they like.
 */
class S3Body extends Readable {
  readonly #source: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #silenceMs: number;
  #missing: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Readable, length: number, silenceMs: number) {
    super({ highWaterMark: 1024 * 1024 });
    // It may also fail while nothing is asked of it, or after that.
    this.#source = source.on('error', () => {});
    this.#chunks = source[Symbol.asyncIterator]();
    this.#missing = length;
    this.#silenceMs = silenceMs;
  }

  override _read(): void {
    const onSilence = () => this.#fail(new Error('The store has stopped sending.'));
    this.#timer = setTimeout(onSilence, this.#silenceMs);
    this.#chunks.next().then(
      ({ value, done }) => {
        clearTimeout(this.#timer);
        this.#take(done ? null : value);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#source.destroy();
    done(error);
  }

  #take(chunk: Uint8Array | null): void {
    this.#missing -= chunk?.byteLength ?? 0;
    const isShort = chunk === null && this.#missing > 0;
    if (isShort || this.#missing < 0) this.#fail(new Error('The store has sent too few bytes, or too many.'));
    else this.push(chunk);
  }

  #fail(error: unknown): void {
    this.destroy(toStoreFault(error));
  }
}
