import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { parse } from 'content-disposition';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { type FaultType, fault } from '../errors.js';
import { decodeHeader } from '../graphql/multipart/multipart-syntax.js';
import type { ConcatTerms } from '../intake/create-resumable.js';
import type { Digest } from '../intake/running-digests.js';

/** Algorithms of Upload-Checksum, and how many bytes a digest of each has. */
export const checksumBytes: Readonly<Record<string, number>> = { sha256: 32, sha1: 20, md5: 16 };

const maxMetadataLength = 4_096;

/** One of the headers, in lower case; null without it. */
function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  return headers[name]?.toString() ?? null;
}

function refuse(type: FaultType & `${'upload' | 'offset'}_${string}`, name: string, msg: string): never {
  throw fault(type, ['headers', name], msg, { message: msg });
}

function readCount(headers: IncomingHttpHeaders, name: string): number | null | 'invalid' {
  const text = headerOf(headers, name);
  if (text === null) return null;
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(count) ? count : 'invalid';
}

export function readOffset(headers: IncomingHttpHeaders): number {
  const offset = readCount(headers, 'upload-offset');
  if (typeof offset === 'number') return offset;
  return refuse('upload_offset', 'upload-offset', 'Upload-Offset must be a number of bytes.');
}

/** Null where the request does not say. */
export function readLength(headers: IncomingHttpHeaders): number | null {
  const length = readCount(headers, 'upload-length');
  if (length !== 'invalid') return length;
  return refuse('upload_length', 'upload-length', 'Upload-Length must be a number of bytes.');
}

/** The length of an upload that is to be made; null where the client will say so later. */
export function readNewLength(headers: IncomingHttpHeaders): number | null {
  const length = readLength(headers);
  const deferred = headerOf(headers, 'upload-defer-length');
  if (deferred !== null && deferred !== '1')
    refuse('upload_length', 'upload-defer-length', 'Upload-Defer-Length must be 1.');
  if ((length === null) !== (deferred !== null))
    refuse('upload_length', 'upload-length', 'One of Upload-Length and Upload-Defer-Length is needed.');
  return length;
}

/** The values by key. Keys that mean nothing here are kept, too. */
export function readMetadata(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const text = headerOf(headers, 'upload-metadata') ?? '';
  const wrong = (msg: string) => refuse('upload_metadata', 'upload-metadata', msg);
  if (text.length > maxMetadataLength) wrong(`Upload-Metadata may have ${maxMetadataLength} characters.`);
  for (const pair of text.trim() === '' ? [] : text.split(',')) {
    const [, key, encoded = ''] = /^([\x21-\x7e]+)(?: +([A-Za-z0-9+/]*={0,2}))?$/.exec(pair.trim()) ?? [];
    if (key === undefined) return wrong('Upload-Metadata is keys and values in base64, separated by commas.');
    const value = Buffer.from(encoded, 'base64');
    if (encoded.length % 4 === 1 || !isUtf8(value)) wrong(`The value of ${key} is no UTF-8 in base64.`);
    if (values.has(key)) wrong(`The key ${key} is there twice.`);
    values.set(key, value.toString());
  }
  return values;
}

/** Null without a checksum. */
export function readChecksum(headers: IncomingHttpHeaders): { algorithm: string; digest: Buffer } | null {
  const text = headerOf(headers, 'upload-checksum');
  if (text === null) return null;
  const [, algorithm = '', encoded = ''] = /^(\S+) +([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  const digest = Buffer.from(encoded, 'base64');
  const length = Object.hasOwn(checksumBytes, algorithm) ? checksumBytes[algorithm] : undefined;
  if (digest.length === length) return { algorithm, digest };
  const known = Object.keys(checksumBytes).join(', ');
  return refuse(
    'upload_checksum',
    'upload-checksum',
    `Upload-Checksum is one of ${known}, and the digest in base64.`,
  );
}

/** Null without concatenation. `verify` knows the target of a token. */
export function readConcat(
  headers: IncomingHttpHeaders,
  verify: (token: string) => string | null,
): ConcatTerms | null {
  const text = headerOf(headers, 'upload-concat');
  if (text === null) return null;
  if (text === 'partial') return { kind: 'partial' };
  const urls = /^final; *(\S.*)$/.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const targetIds = urls.map((url) => verify(tokenIn(url)));
  if (urls.length > 0 && !targetIds.includes(null))
    return { kind: 'final', targetIds: targetIds.flatMap((id) => id ?? []), text };
  const msg = 'Upload-Concat is partial, or final; and the URLs of partial uploads.';
  return refuse('upload_concat', 'upload-concat', msg);
}

/** The token in a whole URL, or in its path alone. */
function tokenIn(url: string): string {
  return /\/uploads\/([^/?#]+)$/.exec(url)?.[1] ?? '';
}

/** Headers that tell of an upload in tus. */
export function describeUpload(upload: UploadTargetRow): Record<string, string> {
  const { received, size, deferred, state, terms, expiresAt, documentKey } = upload;
  const isBeingMade = terms?.concat?.startsWith('final') && state !== 'FINISHED';
  return {
    'cache-control': 'no-store',
    'upload-document-key': documentKey,
    ...(isBeingMade ? {} : { 'upload-offset': String(received) }),
    ...(deferred ? { 'upload-defer-length': '1' } : { 'upload-length': String(size) }),
    ...(terms?.metadata ? { 'upload-metadata': terms.metadata } : {}),
    ...(terms?.concat ? { 'upload-concat': terms.concat } : {}),
    ...(state !== 'FINISHED' && expiresAt ? { 'upload-expires': expiresAt.toUTCString() } : {}),
  };
}

/** The iteration of the draft: clients of another one do not know what an interim answer of this one means. */
export const interopVersion = '8';

/** A structured field that is one whole number from 0 up; null for any other, which counts as none. */
export function readItem(headers: IncomingHttpHeaders, name: string): number | null {
  const text = headers[name]?.toString().trim() ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Whether the body of a request is the end of the content. */
export function readCompletes(headers: IncomingHttpHeaders): boolean {
  return headers['upload-complete']?.toString().trim() === '?1';
}

/** Whether a request can be one of Resumable Uploads for HTTP. */
export function hasCompleteness(headers: IncomingHttpHeaders): boolean {
  return /^\?[01]$/.test(headers['upload-complete']?.toString().trim() ?? '');
}

/** The length of the whole, as far as a request tells. Throws BAD_USER_INPUT of type `upload_length` if it tells two. */
export function lengthOf(
  headers: IncomingHttpHeaders,
  offset: number,
  contentLength: number | null,
): number | null {
  const told = readItem(headers, 'upload-length');
  const counted = readCompletes(headers) && contentLength !== null ? offset + contentLength : null;
  if (told === null || counted === null || told === counted) return told ?? counted;
  const msg = `Upload-Length is ${told}, and the request ends at ${counted}.`;
  throw fault('upload_length', ['headers', 'upload-length'], msg, { message: msg });
}

/** The name that Content-Disposition gives; null without one. */
export function readFileName(headers: IncomingHttpHeaders): string | null {
  const text = headers['content-disposition'];
  if (text === undefined) return null;
  const name = parse(decodeHeader(text)).parameters['filename'];
  return name ?? null;
}

/** The SHA-256 of the whole. Other algorithms are passed over; null without it. */
export function readReprDigest(headers: IncomingHttpHeaders): Digest | null {
  const digest = readSha256(headers, 'repr-digest');
  return digest && { algorithm: 'SHA256', hash: digest.toString('hex') };
}

/** The SHA-256 of the request's own body. */
export function readContentDigest(headers: IncomingHttpHeaders) {
  const digest = readSha256(headers, 'content-digest');
  return digest && { algorithm: 'sha256', digest };
}

function readSha256(headers: IncomingHttpHeaders, name: string): Buffer | null {
  const [, encoded] =
    /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]*={0,2}):/.exec(headers[name]?.toString() ?? '') ?? [];
  if (encoded === undefined) return null;
  const digest = Buffer.from(encoded, 'base64');
  if (digest.length === 32) return digest;
  throw fault('invalid_digest', ['headers', name], 'A SHA-256 digest has 32 bytes in base64.');
}

/** Headers that tell the digest of a finished upload. */
export function digestOf({ sha256 }: UploadTargetRow): Record<string, string> {
  return sha256 === null
    ? {}
    : { 'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:` };
}

/** Headers that tell of an upload in Resumable Uploads for HTTP. */
export function describeProgress(upload: UploadTargetRow): Record<string, string> {
  const { received, size, deferred, state, documentKey } = upload;
  return {
    'upload-complete': state === 'FINISHED' ? '?1' : '?0',
    'upload-offset': String(received),
    ...(deferred ? {} : { 'upload-length': String(size) }),
    'upload-document-key': documentKey,
  };
}
