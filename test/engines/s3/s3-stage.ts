import { ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { AppParts } from '../../../src/app.js';
import type { S3Location } from '../../../src/config/integration-settings.js';
import { createS3Storage } from '../../../src/storage/s3.js';
import { createS3Client } from '../../../src/storage/s3-client.js';
import { storageEnvironment } from '../../support/s3-store.js';
import { allStored, startService, type TestService } from '../../support/service.js';
import { mebibyte, newKey, put } from '../../support/stored-objects.js';

/** A bucket, seen past the service. */
export class Bucket {
  readonly client: S3Client;
  readonly location: S3Location;

  constructor(location: S3Location) {
    this.location = location;
    this.client = createS3Client(location);
  }

  /** Has the store make what it makes with its first objects, which takes seconds. */
  async warmUp(): Promise<void> {
    const storage = createS3Storage(this.location);
    for (const size of [1, 12 * mebibyte]) {
      const key = newKey();
      await put(storage, key, Buffer.alloc(size));
      await storage.remove(key);
    }
  }

  /** Keys without the prefix, sorted. */
  async keys(): Promise<string[]> {
    const { bucket, prefix } = this.location;
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = '' }) => Key.slice(prefix.length)).sort();
  }

  async unfinished(): Promise<number> {
    const { Uploads = [] } = await this.client.send(
      new ListMultipartUploadsCommand({ Bucket: this.location.bucket }),
    );
    return Uploads.length;
  }
}

export function startOnBucket(
  location: S3Location,
  env: Record<string, string> = {},
  parts: AppParts = {},
): Promise<TestService> {
  return startService({ ...allStored, ...storageEnvironment(location), ...env }, parts);
}
