import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { fetchedUrl } from './setting-formats.js';

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

/** The folder of files where STORAGE_URL is not set. */
export const usualStorage = (dataDirectory: string): string => resolve(dataDirectory, 'files');

/** A folder, or a bucket of an S3-compatible store. */
export function shapeStorage(env: StorageSettings, dataDirectory: string): string | S3Location {
  if (env.STORAGE_URL === undefined) return usualStorage(dataDirectory);
  if (env.STORAGE_URL.startsWith('file:')) return resolve(parseFileUrl(env.STORAGE_URL));
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
    if (url.startsWith('file:')) parseFileUrl(url);
  } catch (error) {
    faults.push(`STORAGE_URL: ${error instanceof Error ? error.message : 'is not valid'}`);
  }
  return faults;
}

/** The folder of `file:///folder`. Throws an Error that says what is wrong with it: the rest of a name would be left out in silence. */
function parseFileUrl(text: string): string {
  if (/[?#]/.test(text))
    throw new Error('must be file:///folder only, with ? and # of its name as %3F and %23');
  return fileURLToPath(text);
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
function parseS3Url(text: string): S3Address {
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
  if (!URL.canParse(text) || !/^https?:\/\/[^/?#@]+\/?$/.test(text)) {
    throw new Error('has an endpoint that is no http or https URL without a path and a user name');
  }
  return text.replace(/\/$/, '');
}

function parseFlag(text: string | null): boolean {
  if (text === null || text === 'false') return false;
  if (text === 'true') return true;
  throw new Error('has a pathStyle that is neither true nor false');
}

/** Settings of JSON Web Tokens, from the environment. */
export const tokenSettings = {
  JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'must have at least 32 bytes')
    .optional()
    .describe('Verifies JSON Web Tokens signed with HS256; default: off.'),
  JWT_JWKS_URL: fetchedUrl
    .optional()
    .describe(
      'Public keys that verify JSON Web Tokens signed with RS256, PS256, ES256 or EdDSA; default: off.',
    ),
  JWT_ISSUER: z.string().min(1).optional().describe('Issuer that tokens must name; default: any.'),
  JWT_AUDIENCE: z.string().min(1).optional().describe('Audience that tokens must name; default: any.'),
  JWT_CREATE_ORGANIZATIONS: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether a token makes the organization that it names, if there is none: true or false; default: only with the embedded database.',
    ),
} as const;

const schema = z.object(tokenSettings);

type TokenSettings = z.infer<typeof schema> & { DATABASE_URL?: string | undefined };

/** How JSON Web Tokens are verified; null where none are taken. */
export function shapeTokens(env: TokenSettings) {
  const { JWT_CREATE_ORGANIZATIONS: create = String(env.DATABASE_URL === undefined) } = env;
  const rest = {
    issuer: env.JWT_ISSUER ?? null,
    audience: env.JWT_AUDIENCE ?? null,
    createOrganizations: create === 'true',
  };
  if (env.JWT_SECRET !== undefined) return { key: { secret: env.JWT_SECRET }, ...rest };
  return env.JWT_JWKS_URL === undefined ? null : { key: { jwksUrl: env.JWT_JWKS_URL }, ...rest };
}

/** Faults of several settings together. */
export function tokenFaults(env: Readonly<Record<string, string | undefined>>): string[] {
  if (!env['JWT_SECRET'] || !env['JWT_JWKS_URL']) return [];
  return ['JWT_SECRET: must not be given together with JWT_JWKS_URL'];
}

/** Whether webhooks may be sent to a port. */
export interface WebhookPorts {
  allows(port: number): boolean;
  /** As it is told to clients, such as `80, 443, 1024-65535`. */
  description: string;
}

/**
 * Ports above 1023 on which databases, caches, brokers and the like listen, that do harm on a request by HTTP or might be taken
 * for receivers; the others are those that browsers do not connect to either (https://fetch.spec.whatwg.org/#port-blocking).
 */
const refusedPorts = [
  ...[
    1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060,
    5061,
  ],
  ...[
    5432, 5672, 5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9092, 9200,
    9300,
  ],
  ...[10080, 10250, 11211, 26379, 27017, 27018, 27019],
];

/** 80, 443, and all above 1023 but those of well-known services that are no receivers. */
const usualWebhookPorts: WebhookPorts = {
  allows: (port) =>
    port === 80 || port === 443 || (port > 1_023 && port <= 65_535 && !refusedPorts.includes(port)),
  description: '80, 443 and those above 1023, but not those of databases, caches and the like',
};

const anyPort: WebhookPorts = { allows: () => true, description: 'all' };

/** Those that the operator names, else the usual ones. Who lets webhooks reach private addresses means their own receivers, on any. */
export function allowedPorts(settings: {
  webhookPorts?: WebhookPorts | null;
  webhookAllowPrivate: boolean;
}): WebhookPorts {
  return settings.webhookPorts ?? (settings.webhookAllowPrivate ? anyPort : usualWebhookPorts);
}

/** Reads `443, 8000-8999`; null if it is no list of ports. */
export function parseWebhookPorts(list: string): WebhookPorts | null {
  const ranges = list.split(',').map(parseRange);
  if (!ranges.every((range) => range !== null)) return null;
  return {
    allows: (port) => ranges.some(({ first, last }) => port >= first && port <= last),
    description: ranges
      .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
      .join(', '),
  };
}

function parseRange(text: string): { first: number; last: number } | null {
  const [, from, to = from] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : null;
}

/** The port that a URL leads to. */
export function portOf({ protocol, port }: { protocol: string; port: string }): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
