import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../config/integration-settings.js';
import { assertDocumentKey } from './document-key.js';
import { nullWhereMissing, onStore } from './s3-client.js';
import { incomingFolder } from './s3-direct-access.js';
import { readPlace, S3GrowingWriter, type StorePlace, unfinishedFolder } from './s3-growing-writer.js';
import type { GrowingObjects, GrowingWriter, Growth } from './storage.js';

/** Each as a multipart upload, with an object beside it for the end that is too short for a part. */
export class S3Growing implements GrowingObjects {
  readonly #client: S3Client;
  readonly #location: S3Location;

  constructor(client: S3Client, location: S3Location) {
    this.#client = client;
    this.#location = location;
  }

  /** Another writer can only replace parts, and then the upload cannot be completed: the parts are named with their tags. */
  async append(key: string, from: Growth): Promise<GrowingWriter | null> {
    const place = readPlace(from);
    const deps = { client: this.#client, ...this.#namesOf(key) };
    return onStore(async () => {
      if (place === null) return new S3GrowingWriter(deps, null, Buffer.of());
      if (!(await this.#hasParts(key, place))) return null;
      const end = place.end === null ? Buffer.of() : await this.#readEnd(key, place.end.name);
      if (end === null || end.byteLength !== (place.end?.size ?? 0)) return null;
      if (place.stale !== null) await this.#removeEnd(key, place.stale).catch(() => undefined);
      return new S3GrowingWriter(deps, place, end);
    });
  }

  async holds(key: string, growth: Growth): Promise<boolean> {
    const place = readPlace(growth);
    if (place === null) return growth.size === 0;
    return onStore(async () => {
      if (!(await this.#hasParts(key, place))) return false;
      if (place.end === null) return true;
      const head = new HeadObjectCommand(this.#endOf(key, place.end.name));
      return (await nullWhereMissing(this.#client.send(head)))?.ContentLength === place.end.size;
    });
  }

  /** Parts are completed by the name of their upload, which whoever begins again gives up. */
  async beforeWriting(key: string, growth: Growth): Promise<Uint8Array | null> {
    const end = readPlace(growth)?.upload === null ? readPlace(growth)?.end : null;
    return end ? onStore(() => this.#readEnd(key, end.name)) : null;
  }

  async finish(key: string, growth: Growth): Promise<boolean> {
    const place = readPlace(growth);
    if (place === null) return true;
    const isNew = await onStore(async () => {
      const end = place.end === null ? null : await this.#readEnd(key, place.end.name);
      const isWhole = (end?.byteLength ?? 0) === (place.end?.size ?? 0);
      const isDone = isWhole && (await this.#complete(key, place, end));
      if (!isDone) await this.#assertFinished(key, growth.size);
      return isDone;
    });
    await this.#removeEnds(key).catch(() => undefined);
    return isNew;
  }

  async discardOnly(key: string, growth: Growth): Promise<void> {
    const place = readPlace(growth);
    if (place === null) return;
    const { upload: UploadId, end, stale } = place;
    const abort = new AbortMultipartUploadCommand({ ...this.#namesOf(key).object, UploadId: UploadId ?? '' });
    await onStore(async () => {
      if (UploadId !== null) await nullWhereMissing(this.#client.send(abort));
      for (const name of [end?.name, stale]) if (name) await this.#removeEnd(key, name);
    });
  }

  async discard(key: string): Promise<void> {
    await onStore(async () => {
      const { bucket, prefix } = this.#location;
      const all = { Bucket: bucket, Prefix: `${prefix}${key}` };
      const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand(all));
      for (const { Key, UploadId } of Uploads) {
        const abort = new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId });
        await nullWhereMissing(this.#client.send(abort));
      }
      await this.#removeEnds(key);
    });
  }

  /** False where the upload is gone: it was completed before. */
  async #complete(
    key: string,
    { upload: UploadId, parts }: StorePlace,
    end: Buffer | null,
  ): Promise<boolean> {
    const { object } = this.#namesOf(key);
    if (UploadId === null) {
      await this.#client.send(new PutObjectCommand({ ...object, Body: end ?? Buffer.of() }));
      return true;
    }
    const Parts = parts.map(({ tag }, index) => ({ PartNumber: index + 1, ETag: tag }));
    if (end !== null && end.byteLength > 0) {
      const PartNumber = parts.length + 1;
      const send = new UploadPartCommand({ ...object, UploadId, PartNumber, Body: end });
      const sent = await nullWhereMissing(this.#client.send(send));
      if (sent === null) return false;
      Parts.push({ PartNumber, ETag: sent.ETag ?? '' });
    }
    const complete = new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } });
    const sent = nullWhereMissing(this.#client.send(complete)).catch(async (error: unknown) => {
      // A part is another by now: nobody can make a whole of them any more.
      if (error instanceof Error && error.name === 'InvalidPart') await this.discard(key);
      throw error;
    });
    return (await sent) !== null;
  }

  async #assertFinished(key: string, size: number): Promise<void> {
    const head = await nullWhereMissing(this.#client.send(new HeadObjectCommand(this.#namesOf(key).object)));
    if (head?.ContentLength !== size) throw new Error('The unfinished object is gone.');
  }

  async #hasParts(key: string, { upload: UploadId, parts }: StorePlace): Promise<boolean> {
    if (UploadId === null) return true;
    const list = new ListPartsCommand({ ...this.#namesOf(key).object, UploadId, MaxParts: 1 });
    const found = await nullWhereMissing(this.#client.send(list));
    return found !== null && (parts.length === 0 || (found.Parts ?? []).length > 0);
  }

  async #readEnd(key: string, name: string): Promise<Buffer | null> {
    const get = new GetObjectCommand(this.#endOf(key, name));
    const answer = await nullWhereMissing(this.#client.send(get));
    const bytes = await answer?.Body?.transformToByteArray();
    return bytes === undefined ? null : Buffer.from(bytes);
  }

  async #removeEnd(key: string, name: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#endOf(key, name)));
  }

  async #removeEnds(key: string): Promise<void> {
    const { folder } = this.#namesOf(key);
    const { bucket: Bucket } = this.#location;
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: this.#client },
      { Bucket, Prefix: folder },
    ))
      for (const { Key } of Contents) await this.#client.send(new DeleteObjectCommand({ Bucket, Key }));
  }

  #endOf(key: string, name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#location.bucket, Key: `${this.#namesOf(key).folder}${name}` };
  }

  #namesOf(key: string): { object: { Bucket: string; Key: string }; folder: string } {
    assertDocumentKey(key);
    const { bucket: Bucket, prefix } = this.#location;
    return {
      object: { Bucket, Key: `${prefix}${key}` },
      folder: `${prefix}${unfinishedFolder}${key}/`,
    };
  }
}

export interface DueUploads {
  partition: string;
  before: Date;
  /** Whether bytes for this document key are still coming. */
  isOnItsWay(key: string): Promise<boolean>;
}

/** Ends multipart uploads of an hour, and removes what was sent directly in it and never asked for, where begun before. Returns how many. */
export async function removeUnfinishedUploads(
  client: S3Client,
  location: S3Location,
  due: DueUploads,
): Promise<number> {
  const uploads = await abortUploads(client, location, due);
  const sent = await removeOthers(client, location, due, incomingFolder);
  return uploads + sent + (await removeOthers(client, location, due, unfinishedFolder));
}

async function abortUploads(
  client: S3Client,
  { bucket: Bucket, prefix }: S3Location,
  { partition, before, isOnItsWay }: DueUploads,
): Promise<number> {
  const Prefix = `${prefix}${partition}/`;
  let count = 0;
  let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | null = {};
  while (next !== null) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix, ...next }),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Initiated || Initiated > before) continue;
      if (await isOnItsWay((Key ?? '').slice(prefix.length))) continue;
      await nullWhereMissing(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })));
      count += 1;
    }
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    next = IsTruncated ? { KeyMarker, UploadIdMarker } : null;
  }
  return count;
}

/** Objects in a folder beside those that are whole. */
async function removeOthers(
  client: S3Client,
  { bucket: Bucket, prefix }: S3Location,
  { partition, before, isOnItsWay }: DueUploads,
  folderName: string,
): Promise<number> {
  const folder = `${prefix}${folderName}`;
  const Prefix = `${folder}${partition}/`;
  let count = 0;
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
    for (const { Key, LastModified } of Contents) {
      if (!LastModified || LastModified > before) continue;
      if (await isOnItsWay(keyIn((Key ?? '').slice(folder.length)))) continue;
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      count += 1;
    }
  }
  return count;
}

/** The document key at the beginning of a path. */
const keyIn = (path: string) => path.split('/').slice(0, 4).join('/');
