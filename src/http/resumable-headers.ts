import type { IncomingHttpHeaders } from 'node:http';
import { parse } from 'content-disposition';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { fault } from '../errors.js';
import type { Digest } from '../intake/check-digest.js';

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

/** Whether a request can be one of this protocol. */
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
  const name = parse(text).parameters['filename'];
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

/** Headers of an answer that tell of an upload. */
export function describeProgress(upload: UploadTargetRow): Record<string, string> {
  const { received, size, deferred, state, documentKey } = upload;
  return {
    'upload-complete': state === 'FINISHED' ? '?1' : '?0',
    'upload-offset': String(received),
    ...(deferred ? {} : { 'upload-length': String(size) }),
    'upload-document-key': documentKey,
  };
}
