import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The settings that say where bytes are kept. */
export const storageSettings = {
  STORAGE_URL: z
    .url({ protocol: /^(file|s3)$/, error: 'must be a file:// or s3:// URL' })
    .optional()
    .describe('Where bytes are kept, file:///folder or s3://bucket/prefix; default: files in DATA_DIR.'),
  AWS_ACCESS_KEY_ID: z.string().optional().describe('Names the key for an s3:// storage; default: none.'),
  AWS_SECRET_ACCESS_KEY: z.string().optional().describe('The secret of that key; default: none.'),
  DOWNLOADS: z
    .enum(['redirect', 'proxy'])
    .default('redirect')
    .describe('From an s3:// storage: redirect sends clients to the store, proxy passes the bytes on.'),
} as const;

type StorageSettings = z.infer<z.ZodObject<typeof storageSettings>>;

/** A folder, or a bucket of an S3-compatible store. */
export function shapeStorage(env: StorageSettings, dataDirectory: string): string | S3Location {
  if (env.STORAGE_URL === undefined) return resolve(dataDirectory, 'files');
  if (env.STORAGE_URL.startsWith('file:')) return fileURLToPath(env.STORAGE_URL);
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = env;
  return { ...parseS3Url(env.STORAGE_URL), accessKeyId, secretAccessKey };
}

/** Faults of the storage's settings that no single one of them shows. */
export function storageFaults(env: Readonly<Record<string, string | undefined>>): string[] {
  const url = env['STORAGE_URL'] ?? '';
  const isOnS3 = url.startsWith('s3:');
  const faults = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].flatMap((name) =>
    env[name] || !isOnS3 ? [] : [`${name}: must be set for an s3:// storage`],
  );
  try {
    if (isOnS3) parseS3Url(url);
    if (url.startsWith('file:')) fileURLToPath(url);
  } catch (error) {
    faults.push(`STORAGE_URL: ${error instanceof Error ? error.message : 'is not valid'}`);
  }
  return faults;
}

/** A bucket of an S3-compatible store, and the part of it that is ours. */
export interface S3Location {
  bucket: string;
  /** Empty, or ends with a slash. */
  prefix: string;
  /** Null for Amazon's own. */
  endpoint: string | null;
  region: string;
  /** Whether the bucket stands in the path of URLs instead of in the host's name. */
  pathStyle: boolean;
  accessKeyId: string;
  secretAccessKey: string;
}

export type S3Address = Omit<S3Location, 'accessKeyId' | 'secretAccessKey'>;

/** The origin that pages send bytes to. */
export function storeOrigin({ bucket, endpoint, region, pathStyle }: S3Address): string {
  const { protocol, host } = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  return `${protocol}//${pathStyle ? '' : `${bucket}.`}${host}`;
}

const parameters = ['endpoint', 'region', 'pathStyle'];

/** Reads `s3://bucket/prefix?endpoint=…&region=…&pathStyle=true`. Throws an Error that says what is wrong with it. */
export function parseS3Url(text: string): S3Address {
  const url = new URL(text);
  const { hostname: bucket, searchParams, username, password, port, hash } = url;
  const unknown = [...searchParams.keys()].filter((name) => !parameters.includes(name));
  if (unknown.length > 0) throw new Error(`has unknown parameters: ${unknown.join(', ')}`);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new Error('must name a bucket');
  if (username || password || port || hash) throw new Error('must be s3://bucket/prefix and parameters only');
  const path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  if (!/^[\w!.*'()/-]*$/.test(path))
    throw new Error("has a prefix with other characters than letters, digits and !-_.*'()/");
  return {
    bucket,
    prefix: path === '' ? '' : `${path}/`,
    endpoint: parseEndpoint(searchParams.get('endpoint')),
    region: searchParams.get('region') || 'us-east-1',
    pathStyle: parseFlag(searchParams.get('pathStyle')),
  };
}

function parseEndpoint(text: string | null): string | null {
  if (text === null || text === '') return null;
  if (!URL.canParse(text) || !/^https?:\/\/[^/?#]+\/?$/.test(text)) {
    throw new Error('has an endpoint that is no http or https URL without a path');
  }
  return text.replace(/\/$/, '');
}

function parseFlag(text: string | null): boolean {
  if (text === null || text === 'false') return false;
  if (text === 'true') return true;
  throw new Error('has a pathStyle that is neither true nor false');
}
