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

/** The parser's own limit for the headers of one part. */
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

/** The text of a parameter of a part's header, with each byte of it as a character. */
export function decodePartName(bytes: string): string {
  return unescapePartName(decodeHeader(bytes));
}

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

/** Whether the name in a part's headers has the form that says its character set and is escaped on its own (RFC 8187). */
function hasExtendedName(headers: string): boolean {
  const [disposition = ''] = /^content-disposition:(?:[^\r]|\r\n[ \t])*/im.exec(headers) ?? [];
  return /;\s*filename\*=/i.test(disposition.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}

const carriageReturn = 0x0d;

/**
 * Watches a multipart body for its delimiters, apart from the parser. The parser passes over parts it cannot make sense
 * of, ends a part at any line that merely begins like a delimiter, and may go on behind the closing one: what it drops so
 * would be lost without a word. Where it has found as many parts as there are delimiters, it has lost nothing.
 */
export class DelimiterScan {
  /** Parts opened so far. */
  partCount = 0;
  /** Whether the closing delimiter has passed. */
  closed = false;
  readonly #delimiter: Buffer;
  /** The headers of the part that was opened last, as far as they have come, and perhaps bytes behind them. */
  #head = Buffer.alloc(0);
  readonly #hasExtendedName: boolean[] = [];
  readonly #contentStarts: number[] = [];
  /** The place in the body at which the bytes of `#head` begin. */
  #headStart = 0;
  /** Bytes of the body before those that are looked at. */
  #seen = 0;
  /** The end of the bytes seen, where a delimiter may have begun; at first the line end that precedes the body. */
  #tail = Buffer.from('\r\n');

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** The part of the chunk before the end of the closing delimiter; null if another delimiter has no line end behind it. */
  push(chunk: Buffer): Buffer | null {
    if (this.closed) return chunk.subarray(0, 0);
    const data = this.#behindTail(chunk);
    const start = this.#seen - this.#tail.length;
    this.#seen += chunk.length;
    this.#readHead(chunk);
    let from = 0;
    for (;;) {
      const at = data.indexOf(this.#delimiter, from);
      const after = at + this.#delimiter.length;
      if (at === -1 || after + 2 > data.length) break;
      from = after;
      const suffix = data.toString('latin1', after, after + 2);
      if (suffix === '--') return this.#close(chunk, after + 2);
      if (suffix !== '\r\n') return null;
      this.partCount += 1;
      this.#head = Buffer.alloc(0);
      this.#headStart = start + after + 2;
      this.#readHead(data.subarray(after + 2));
    }
    this.#keepTail(data, from);
    return chunk;
  }

  /** Whether the file name of the part of this number, from 0 on, has the extended form. Known once its headers have come. */
  hasExtendedName(part: number): boolean {
    return this.#hasExtendedName[part] ?? false;
  }

  /** Bytes of a body of this length from the content of a part to a closing delimiter with its line end; null before its headers have come. */
  restOf(part: number, length: number): number | null {
    const start = this.#contentStarts[part];
    const closing = this.#delimiter.length + 4;
    return start === undefined ? null : Math.max(0, length - start - closing);
  }

  /** Longer headers are the parser's to refuse. */
  #readHead(bytes: Buffer): void {
    const part = this.partCount - 1;
    if (part < 0 || this.#hasExtendedName[part] !== undefined) return;
    const rest = bytes.subarray(0, maxPartHeaderSize - this.#head.length);
    this.#head = Buffer.concat([this.#head, rest]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return;
    this.#hasExtendedName[part] = hasExtendedName(this.#head.toString('latin1', 0, end));
    this.#contentStarts[part] = this.#headStart + end + 4;
  }

  /** The tail and the chunk. A tail in which no delimiter begins is dropped, for to join the two copies the chunk. */
  #behindTail(chunk: Buffer): Buffer {
    const seam = Buffer.concat([this.#tail, chunk.subarray(0, this.#longestTail)]);
    const at = seam.indexOf(this.#delimiter);
    const begins = at !== -1 && at < this.#tail.length;
    if (!begins && chunk.length >= this.#longestTail) this.#tail = Buffer.alloc(0);
    return this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
  }

  /** A delimiter and the first character behind it. */
  get #longestTail(): number {
    return this.#delimiter.length + 1;
  }

  #close(chunk: Buffer, end: number): Buffer {
    this.closed = true;
    return chunk.subarray(0, end - this.#tail.length);
  }

  #keepTail(data: Buffer, from: number): void {
    const at = data.indexOf(carriageReturn, Math.max(from, data.length - this.#longestTail));
    this.#tail = at === -1 ? Buffer.alloc(0) : Buffer.from(data.subarray(at));
  }
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
