import { createHash } from 'node:crypto';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { S3Location } from '../../src/config/integration-settings.js';
import { createS3Client } from '../../src/storage/s3-client.js';
import { storageEnvironment } from './s3-store.js';

const variable = 'TEST_S3_BUCKET';

/** From now on services under test keep their bytes in this bucket; otherwise they keep them in files. */
export function useBucket(location: S3Location): void {
  process.env[variable] = JSON.stringify(location);
}

/** The bucket in which a service with this data directory keeps its bytes; null if it keeps them below the directory. */
export function testLocation(dataDirectory: string): S3Location | null {
  const bucket = process.env[variable];
  if (bucket === undefined) return null;
  const name = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 20);
  return { ...(JSON.parse(bucket) as S3Location), prefix: `${name}/` };
}

/** The storage settings of a service with this data directory. */
export function storageSettings(dataDirectory: string): Record<string, string> {
  const location = testLocation(dataDirectory);
  return location === null ? {} : { ...storageEnvironment(location), DOWNLOADS: 'proxy' };
}

/** Keys of everything below the location's prefix. */
export async function storedKeys(location: S3Location): Promise<string[]> {
  const { bucket: Bucket, prefix: Prefix } = location;
  const client = createS3Client(location);
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
  client.destroy();
  return Contents.map(({ Key = '' }) => Key.slice(Prefix.length)).sort();
}
