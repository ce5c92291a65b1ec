import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../s3-location.js';
import { nullWhereMissing } from './s3-client.js';
import { incomingFolder } from './s3-direct-access.js';

/** Ends multipart uploads of an hour, and removes what was sent directly in it and never asked for, where begun before. Returns how many. */
export async function removeUnfinishedUploads(
  client: S3Client,
  location: S3Location,
  partition: string,
  before: Date,
): Promise<number> {
  const uploads = await abortUploads(client, location, `${location.prefix}${partition}/`, before);
  const incoming = `${location.prefix}${incomingFolder}${partition}/`;
  return uploads + (await removeObjects(client, location.bucket, incoming, before));
}

async function abortUploads(
  client: S3Client,
  { bucket: Bucket }: S3Location,
  Prefix: string,
  before: Date,
): Promise<number> {
  let count = 0;
  let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | null = {};
  while (next !== null) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix, ...next }),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Initiated || Initiated > before) continue;
      await nullWhereMissing(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })));
      count += 1;
    }
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    next = IsTruncated ? { KeyMarker, UploadIdMarker } : null;
  }
  return count;
}

async function removeObjects(
  client: S3Client,
  Bucket: string,
  Prefix: string,
  before: Date,
): Promise<number> {
  let count = 0;
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
    for (const { Key, LastModified } of Contents) {
      if (!LastModified || LastModified > before) continue;
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      count += 1;
    }
  }
  return count;
}
