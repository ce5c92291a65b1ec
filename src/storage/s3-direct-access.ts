import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { S3Location } from '../config/storage-settings.js';
import { assertDocumentKey } from './document-key.js';
import { nullWhereChanged, nullWhereMissing, onStore } from './s3-client.js';
import { S3DirectParts } from './s3-direct-parts.js';
import type {
  DirectAccess,
  DirectDownload,
  DirectParts,
  DirectUploadTarget,
  IncomingObject,
  PresignedUpload,
  Validity,
} from './storage.js';

/** Prefix of objects that were sent directly. Nobody but the service can write where objects lie for good. */
export const incomingFolder = 'incoming/';

/** More than this the store copies only in parts. */
const maxCopySize = 5 * 1024 ** 3;

export class S3DirectAccess implements DirectAccess {
  readonly maxSize = maxCopySize;
  readonly parts: DirectParts;
  readonly #client: S3Client;
  readonly #location: S3Location;

  constructor(client: S3Client, location: S3Location) {
    this.#client = client;
    this.#location = location;
    this.parts = new S3DirectParts(client, (key) => this.#object(key));
  }

  async uploadTarget(key: string, upload: PresignedUpload): Promise<DirectUploadTarget> {
    const { size, contentType, validity } = upload;
    const put = new PutObjectCommand({
      ...this.#incoming(key),
      ContentLength: size,
      ...(contentType === '' ? {} : { ContentType: contentType }),
    });
    // Signed, so that the store refuses any other length and type.
    const typed = contentType === '' ? [] : ['content-type'];
    const signableHeaders = new Set(['content-length', ...typed, 'host']);
    const url = await getSignedUrl(this.#client, put, { ...signingOf(validity), signableHeaders });
    return { url, headers: contentType === '' ? {} : { 'Content-Type': contentType } };
  }

  async incoming(key: string): Promise<IncomingObject | null> {
    return onStore(async () => {
      const head = await nullWhereMissing(this.#client.send(new HeadObjectCommand(this.#incoming(key))));
      return head && { size: head.ContentLength ?? 0, tag: head.ETag ?? '' };
    });
  }

  async accept(key: string, tag: string, abortSignal: AbortSignal): Promise<boolean> {
    const { Bucket, Key } = this.#incoming(key);
    const CopySource = `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`;
    const copy = new CopyObjectCommand({ ...this.#object(key), CopySource, CopySourceIfMatch: tag });
    return onStore(async () => {
      if ((await nullWhereChanged(this.#client.send(copy, { abortSignal }))) === null) return false;
      await this.#client.send(new DeleteObjectCommand({ Bucket, Key })).catch(() => undefined);
      return true;
    });
  }

  async downloadUrl(key: string, download: DirectDownload): Promise<string> {
    const { contentType, contentDisposition, cacheControl, validity } = download;
    const get = new GetObjectCommand({
      ...this.#object(key),
      ResponseContentType: contentType,
      ResponseContentDisposition: contentDisposition,
      ResponseCacheControl: cacheControl,
    });
    return getSignedUrl(this.#client, get, signingOf(validity));
  }

  #object(key: string): { Bucket: string; Key: string } {
    assertDocumentKey(key);
    return { Bucket: this.#location.bucket, Key: `${this.#location.prefix}${key}` };
  }

  #incoming(key: string): { Bucket: string; Key: string } {
    assertDocumentKey(key);
    return { Bucket: this.#location.bucket, Key: `${this.#location.prefix}${incomingFolder}${key}` };
  }
}

const signingOf = ({ from, seconds }: Validity) => ({ signingDate: from, expiresIn: seconds });
