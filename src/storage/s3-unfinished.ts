import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../config/storage-settings.js';
import { nullWhereMissing } from './s3-client.js';
import { incomingFolder } from './s3-direct-access.js';
import { unfinishedFolder } from './s3-growing-writer.js';

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
