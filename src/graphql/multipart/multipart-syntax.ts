import { MIMEType } from 'node:util';
import { type AttachmentError, type FaultTypeOf, fault, type Loc } from '../../errors.js';

/** Bounds of one multipart request. Sizes are in bytes of the body as sent, framing included. */
export interface MultipartLimits {
  /** File parts; a map that announces more is refused before a file is read. */
  maxFiles: number;
  maxRequestSize: number;
  maxOperationsSize: number;
  maxMapSize: number;
  /** Variable paths in the whole map. */
  maxMapPaths: number;
  /** Within this time of the first look at the body, `operations` and `map` must have arrived. */
  operationsTimeoutMs: number;
  /** The client is too slow when it sends nothing for so long, or less than `minBytesPerSecond` on average over so long. */
  stallTimeoutMs: number;
  minBytesPerSecond: number;
}

/** Whatever does not depend on how the service is configured. */
export const defaultMultipartLimits = {
  maxOperationsSize: 1024 * 1024,
  maxMapSize: 64 * 1024,
  maxMapPaths: 200,
  operationsTimeoutMs: 30_000,
  stallTimeoutMs: 20_000,
  minBytesPerSecond: 500,
} as const satisfies Partial<MultipartLimits>;

/** As many bytes as busboy takes of the headers of one part, the empty line included. */
export const maxPartHeaderSize = 16 * 1024;
export const maxPartNameLength = 100;
export const maxPathSegments = 64;

/** INVALID_MULTIPART for the one fault that stops everything. */
export function multipartFault(
  loc: Loc,
  type: FaultTypeOf<'INVALID_MULTIPART'>,
  msg: string,
  limit?: number,
): AttachmentError {
  return fault(type, loc, msg, { code: 'INVALID_MULTIPART', message: msg, limit });
}

/** INVALID_MULTIPART for a part whose bytes are not those of its file: stored as they come, they would be another file. */
export function encodedPart(name: string, encoding: string): AttachmentError {
  const msg = `The part is encoded as ${encoding}. Parts come without an encoding.`;
  return multipartFault([shortName(name)], 'part_encoding', msg);
}

/** REQUEST_TOO_LARGE: the body as a whole, or the part at `loc`, has more than `limit` bytes. */
export function requestTooLarge(loc: 'operations' | 'map' | null, limit: number): AttachmentError {
  const msg = `${loc === null ? 'The request' : `"${loc}"`} may have at most ${limit} bytes.`;
  return fault('too_large', loc === null ? [] : [loc], msg, { message: msg, limit });
}

export function tooManyFiles(limit: number): AttachmentError {
  const msg = `A request may carry at most ${limit} files.`;
  return fault('too_many_files', ['map'], msg, { message: msg, limit });
}

/** A name chosen by the client, at a length fit for an answer. */
export function shortName(name: string): string {
  return name.length <= maxPartNameLength ? name : `${name.slice(0, maxPartNameLength)}…`;
}

/** The characters of windows-1252 that bytes from 0x80 to 0x9F stand for; five of them stand for none, and are controls. */
const windowsCharacters = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a header, each character of which is a byte as sent: UTF-8, as all browsers and libraries write it, or else windows-1252,
 * as older programs do.
 */
export function decodeHeader(bytes: string): string {
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes.replace(/[\x80-\x9f]/g, (byte) => windowsCharacters[byte.charCodeAt(0) - 0x80] ?? byte);
  }
}

/** The characters that browsers write in another way, and no others (HTML, multipart/form-data). */
const escapes: Readonly<Record<string, string>> = { '%22': '"', '%0D': '\r', '%0A': '\n' };

/** A name as it was before its browser wrote it into a header. Line ends come back too, for whoever checks names to refuse. */
export function unescapePartName(name: string): string {
  return name.replace(/%(?:22|0D|0A)/g, (escaped) => escapes[escaped] ?? escaped);
}

/** RFC 2046, 5.1.1: 1 to 70 characters of these, no space at the end. */
const boundaryPattern = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

/** The boundary that a Content-Type header of `multipart/form-data` names, or INVALID_MULTIPART. */
export function readBoundary(contentType: string | undefined): string {
  const type = parseContentType(contentType ?? '');
  if (type?.essence !== 'multipart/form-data')
    throw multipartFault([], 'content_type', 'The Content-Type must be multipart/form-data.');
  const boundary = type.params.get('boundary');
  if (boundary === null || !boundaryPattern.test(boundary))
    throw multipartFault(
      [],
      'boundary',
      'The Content-Type must name a boundary of 1 to 70 permitted characters.',
    );
  return boundary;
}

function parseContentType(text: string): MIMEType | null {
  try {
    return new MIMEType(text);
  } catch {
    return null;
  }
}
