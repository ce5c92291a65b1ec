import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { freeMemory } from '../free-memory.js';
import { nullWhereMissing, onStore } from './s3-client.js';
import { AlreadyStored, type ObjectWriter } from './storage.js';

const mebibyte = 1024 * 1024;
/** The store takes 10,000 parts, each but the last of 5 MiB at least. */
const partSize = 5 * mebibyte;
const largePartSize = 128 * mebibyte;
const partsOfUsualSize = 1_000;

interface Part {
  ETag: string | undefined;
  PartNumber: number;
}

/**
 * Sends an object to the store part by part: what has come for the next is kept while one is under way, so that an object of
 * any size needs about two parts of memory. A small one is sent at once.
 */
export class S3Writer implements ObjectWriter {
  readonly #client: S3Client;
  readonly #object: { Bucket: string; Key: string };
  #chunks: Buffer[] = [];
  #size = 0;
  #total = 0;
  #uploadId: string | null = null;
  readonly #parts: Part[] = [];
  #sending: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  readonly #cancelling = new AbortController();
  #isOver = false;

  constructor(
    client: S3Client,
    object: { Bucket: string; Key: string },
    private readonly isThere: () => Promise<boolean> = async () => false,
  ) {
    this.#client = client;
    this.#object = object;
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    this.#assertNotOver();
    this.#writing = this.#append(buffers);
    await onStore(() => this.#writing);
  }

  async #append(buffers: readonly Uint8Array[]): Promise<void> {
    for (const buffer of buffers) {
      this.#chunks.push(Buffer.from(buffer));
      this.#size += buffer.byteLength;
      this.#total += buffer.byteLength;
      if (this.#size >= this.#nextPartSize()) await this.#sendPart();
    }
  }

  async commit(): Promise<void> {
    this.#assertNotOver();
    this.#isOver = true;
    await onStore(async () => {
      try {
        if (await this.isThere()) throw new AlreadyStored();
        if (this.#uploadId === null) await this.#putWhole();
        else await this.#complete(this.#uploadId);
      } catch (error) {
        await this.#discard();
        throw error;
      }
    });
  }

  async abort(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelling.abort();
    await this.#writing.catch(() => {});
    await this.#discard();
  }

  #nextPartSize(): number {
    return this.#parts.length < partsOfUsualSize ? partSize : largePartSize;
  }

  #takeChunks(): Buffer {
    const body = Buffer.concat(this.#chunks);
    for (const chunk of this.#chunks) freeMemory(chunk);
    this.#chunks = [];
    this.#size = 0;
    return body;
  }

  async #putWhole(): Promise<void> {
    await this.#client.send(new PutObjectCommand({ ...this.#object, Body: this.#takeChunks() }));
  }

  /** Waits for the part before, not for this one. */
  async #sendPart(): Promise<void> {
    await this.#sending;
    this.#uploadId ??= await this.#begin();
    const UploadId = this.#uploadId;
    const part: Part = { PartNumber: this.#parts.length + 1, ETag: undefined };
    this.#parts.push(part);
    const Body = this.#takeChunks();
    const { PartNumber } = part;
    const command = new UploadPartCommand({ ...this.#object, UploadId, PartNumber, Body });
    this.#sending = this.#client.send(command, { abortSignal: this.#cancelling.signal }).then(({ ETag }) => {
      part.ETag = ETag;
      freeMemory(Body);
    });
    // A failure is met by the next part, or by the commit.
    this.#sending.catch(() => {});
  }

  async #begin(): Promise<string> {
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(this.#object));
    if (UploadId === undefined) throw new Error('The store began no multipart upload.');
    return UploadId;
  }

  async #complete(UploadId: string): Promise<void> {
    if (this.#size > 0) await this.#sendPart();
    await this.#sending;
    const MultipartUpload = { Parts: this.#parts };
    const done = await nullWhereMissing(
      this.#client.send(new CompleteMultipartUploadCommand({ ...this.#object, UploadId, MultipartUpload })),
    );
    if (done === null) await this.#assertCompleted();
  }

  /** If the answer to the first attempt was lost, the upload is gone because the object is there. */
  async #assertCompleted(): Promise<void> {
    const head = await nullWhereMissing(this.#client.send(new HeadObjectCommand(this.#object)));
    if (head?.ContentLength !== this.#total) throw new Error('The multipart upload is gone.');
  }

  async #discard(): Promise<void> {
    this.#chunks = [];
    await this.#sending.catch(() => {});
    if (this.#uploadId === null) return;
    const abort = new AbortMultipartUploadCommand({ ...this.#object, UploadId: this.#uploadId });
    await this.#client.send(abort).catch(() => {});
  }

  #assertNotOver(): void {
    if (this.#isOver) throw new Error('The object was committed or aborted before.');
  }
}
