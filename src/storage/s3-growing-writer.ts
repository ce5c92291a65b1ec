import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { freeMemory } from '../free-memory.js';
import { onStore } from './s3-client.js';
import type { GrowingWriter, Growth } from './storage.js';

/** Prefix of the ends of unfinished objects. */
export const unfinishedFolder = 'unfinished/';

const mebibyte = 1024 * 1024;
/** The store takes 10,000 parts, each but the last of 5 MiB at least. */
const partSizes = [
  { below: 1_000, size: 5 * mebibyte },
  { below: 5_000, size: 25 * mebibyte },
  { below: Number.POSITIVE_INFINITY, size: 200 * mebibyte },
];

interface StoredPart {
  tag: string;
  /** In bytes. */
  size: number;
}

/** The bytes of an unfinished object: parts of a multipart upload, and an object with the rest. */
export interface StorePlace {
  upload: string | null;
  /** The first has the number 1. */
  parts: readonly StoredPart[];
  end: { name: string; size: number } | null;
  /** The object that had the rest before. */
  stale: string | null;
}

type WrittenPart = [tag: string, size: number];

/** Null where nothing has come. Throws for a text that is no place of this storage. */
export function readPlace({ size, place }: Growth): StorePlace | null {
  if (place === null || size === 0) return null;
  const { upload, parts, end, stale } = JSON.parse(place) as Omit<StorePlace, 'parts'> & {
    parts: WrittenPart[];
  };
  const known = {
    upload,
    end,
    stale,
    parts: parts.map(([tag, bytes]) => ({ tag, size: bytes })),
  };
  if (sizeOfParts(known.parts) + (end?.size ?? 0) !== size)
    throw new RangeError('The place has another size.');
  return known;
}

function writePlace({ parts, ...place }: StorePlace): string {
  return JSON.stringify({ ...place, parts: parts.map(({ tag, size }) => [tag, size]) });
}

const sizeOfParts = (parts: readonly StoredPart[]): number => parts.reduce((sum, { size }) => sum + size, 0);

export interface S3GrowingWriterDependencies {
  client: S3Client;
  object: { Bucket: string; Key: string };
  /** Prefix of the objects with the rest. */
  folder: string;
}

/** Sends parts while more arrives; keeps in memory less than two of them. */
export class S3GrowingWriter implements GrowingWriter {
  readonly #deps: S3GrowingWriterDependencies;
  readonly #from: StorePlace | null;
  #uploadId: string | null;
  readonly #parts: StoredPart[];
  #nextNumber: number;
  #chunks: Buffer[];
  #size: number;
  #sending: Promise<void> = Promise.resolve();
  #told: Growth;
  /** The object with the rest that it has stored last. */
  #rest: string | null = null;

  constructor(deps: S3GrowingWriterDependencies, from: StorePlace | null, rest: Buffer) {
    this.#deps = deps;
    this.#from = from;
    this.#uploadId = from?.upload ?? null;
    this.#parts = [...(from?.parts ?? [])];
    this.#nextNumber = this.#parts.length + 1;
    this.#chunks = [rest];
    this.#size = rest.byteLength;
    const size = sizeOfParts(this.#parts) + rest.byteLength;
    this.#told = { size, place: from && writePlace(from) };
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    await onStore(async () => {
      for (const buffer of buffers) {
        this.#chunks.push(Buffer.from(buffer));
        this.#size += buffer.byteLength;
        if (this.#size >= this.#partSize()) await this.#sendPart();
      }
    });
  }

  async settle(all: boolean): Promise<Growth> {
    if (all) {
      await onStore(() => this.#sending);
      return this.#tell(this.#size === 0 ? null : await onStore(() => this.#storeRest()));
    }
    const size = sizeOfParts(this.#parts);
    return size > this.#told.size ? this.#tell(null) : this.#told;
  }

  async close(counted: Growth | null = null): Promise<void> {
    await this.#sending.catch(() => undefined);
    if (counted) await this.#keepOnly(readPlace(counted)).catch(() => undefined);
  }

  /** Parts beyond the last one that counts are replaced by whoever goes on. */
  async #keepOnly(place: StorePlace | null): Promise<void> {
    const { client, object, folder } = this.#deps;
    const UploadId = this.#uploadId;
    if (UploadId !== null && UploadId !== place?.upload)
      await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
    if (this.#rest !== null && this.#rest !== place?.end?.name)
      await client.send(new DeleteObjectCommand({ Bucket: object.Bucket, Key: `${folder}${this.#rest}` }));
  }

  #tell(end: StorePlace['end']): Growth {
    const stale = this.#from?.end?.name ?? null;
    const place = { upload: this.#uploadId, parts: this.#parts, end, stale };
    this.#told = { size: sizeOfParts(this.#parts) + (end?.size ?? 0), place: writePlace(place) };
    return this.#told;
  }

  #partSize(): number {
    return partSizes.find(({ below }) => this.#nextNumber < below)?.size ?? 0;
  }

  /** Waits for the part before, not for this one. */
  async #sendPart(): Promise<void> {
    await this.#sending;
    const { client, object } = this.#deps;
    this.#uploadId ??= await begin(this.#deps);
    const Body = Buffer.concat(this.#chunks);
    for (const chunk of this.#chunks) freeMemory(chunk);
    const size = Body.byteLength;
    const PartNumber = this.#nextNumber;
    this.#chunks = [];
    this.#size = 0;
    this.#nextNumber += 1;
    const command = { ...object, UploadId: this.#uploadId, PartNumber, Body };
    this.#sending = client.send(new UploadPartCommand(command)).then(({ ETag: tag = '' }) => {
      this.#parts.push({ tag, size });
      freeMemory(Body);
    });
    // A failure is met by the next part, or once all is settled.
    this.#sending.catch(() => undefined);
  }

  async #storeRest(): Promise<StorePlace['end']> {
    const { client, object, folder } = this.#deps;
    const name = randomUUID();
    this.#rest = name;
    const Body = Buffer.concat(this.#chunks);
    await client.send(new PutObjectCommand({ Bucket: object.Bucket, Key: `${folder}${name}`, Body }));
    return { name, size: Body.byteLength };
  }
}

async function begin({ client, object }: S3GrowingWriterDependencies): Promise<string> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  if (UploadId === undefined) throw new Error('The store began no multipart upload.');
  return UploadId;
}
