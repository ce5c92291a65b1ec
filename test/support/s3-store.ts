import { randomBytes } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { S3Location } from '../../src/config/integration-settings.js';
import { createS3Client } from '../../src/storage/s3-client.js';

/** A real S3-compatible store on loopback. */
export interface S3Store {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** An empty bucket of its own. */
export async function createBucket({ endpoint, accessKeyId, secretAccessKey }: S3Store): Promise<S3Location> {
  const location: S3Location = {
    bucket: `test-${randomBytes(6).toString('hex')}`,
    prefix: 'attachments/',
    endpoint,
    region: 'us-east-1',
    pathStyle: true,
    accessKeyId,
    secretAccessKey,
  };
  const client = createS3Client(location);
  await client.send(new CreateBucketCommand({ Bucket: location.bucket }));
  client.destroy();
  return location;
}

/** The settings of a service that keeps its bytes in this bucket. */
export function storageEnvironment(
  location: S3Location,
  endpoint = location.endpoint,
): Record<string, string> {
  const { bucket, prefix, region, accessKeyId, secretAccessKey } = location;
  const parameters = new URLSearchParams({ endpoint: endpoint ?? '', region, pathStyle: 'true' });
  return {
    STORAGE_URL: `s3://${bucket}/${prefix}?${parameters}`,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}
