import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { S3Location } from '../config/integration-settings.js';
import { assertDocumentKey } from './document-key.js';
import { nullWhereChanged, nullWhereMissing, onStore } from './s3-client.js';
import type {
  DirectAccess,
  DirectDownload,
  DirectParts,
  DirectUploadTarget,
  IncomingObject,
  IncomingPart,
  PresignedPart,
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

/** The least that the store takes as a part that is not the last. */
const minPartSize = 5 * 1024 * 1024;
const maxParts = 10_000;

/** Multipart uploads whose parts clients send by presigned URLs, each straight to where the object will lie. */
class S3DirectParts implements DirectParts {
  readonly #client: S3Client;
  readonly #objectOf: (key: string) => { Bucket: string; Key: string };

  constructor(client: S3Client, objectOf: (key: string) => { Bucket: string; Key: string }) {
    this.#client = client;
    this.#objectOf = objectOf;
  }

  partSize(size: number): number {
    return Math.max(minPartSize, Math.ceil(size / maxParts));
  }

  async begin(key: string): Promise<string> {
    return onStore(async () => {
      const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(this.#objectOf(key)));
      if (UploadId === undefined) throw new Error('The store began no multipart upload.');
      return UploadId;
    });
  }

  async partUrl(key: string, UploadId: string, part: PresignedPart): Promise<string> {
    const { number: PartNumber, size: ContentLength, validity } = part;
    const put = new UploadPartCommand({ ...this.#objectOf(key), UploadId, PartNumber, ContentLength });
    // Signed, so that the store refuses any other length.
    const signableHeaders = new Set(['content-length', 'host']);
    const { from: signingDate, seconds: expiresIn } = validity;
    return getSignedUrl(this.#client, put, { signingDate, expiresIn, signableHeaders });
  }

  async list(key: string, UploadId: string): Promise<IncomingPart[] | null> {
    return onStore(() => nullWhereMissing(this.#list(key, UploadId)));
  }

  async #list(key: string, UploadId: string): Promise<IncomingPart[]> {
    const parts: IncomingPart[] = [];
    // Not by the SDK's own paging: some stores give a marker with the last page, too, and that has no end.
    for (let isMore = true; isMore; ) {
      const PartNumberMarker = parts.length === 0 ? undefined : String(parts.at(-1)?.number);
      const page = await this.#client.send(
        new ListPartsCommand({ ...this.#objectOf(key), UploadId, PartNumberMarker }),
      );
      for (const { PartNumber: number = 0, Size: size = 0, ETag: tag = '' } of page.Parts ?? [])
        parts.push({ number, size, tag });
      isMore = page.IsTruncated === true && (page.Parts ?? []).length > 0;
    }
    return parts;
  }

  async complete(
    key: string,
    UploadId: string,
    parts: readonly IncomingPart[],
    abortSignal: AbortSignal,
  ): Promise<boolean> {
    const Parts = parts.map(({ number: PartNumber, tag: ETag }) => ({ PartNumber, ETag }));
    const object = { ...this.#objectOf(key), UploadId, MultipartUpload: { Parts } };
    return onStore(async () => {
      const sent = this.#client.send(new CompleteMultipartUploadCommand(object), { abortSignal });
      return (await nullWhereMissing(sent).catch(nullWhereReplaced)) !== null;
    });
  }
}

/** Another part has come under the number of one of them. */
function nullWhereReplaced(error: unknown): null {
  if (error instanceof Error && error.name === 'InvalidPart') return null;
  throw error;
}
