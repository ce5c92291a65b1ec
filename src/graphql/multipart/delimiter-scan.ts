import { MIMEType } from 'node:util';
import { multipartFault } from './multipart-fault.js';
import { maxPartHeaderSize } from './multipart-limits.js';
import { hasExtendedName } from './part-names.js';

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
    const start = this.#seen - this.#tail.length;
    this.#seen += chunk.length;
    this.#readHead(chunk);
    const data = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
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

  /** Bytes of a body of this length from the content of a part to a closing delimiter with its line end. Known likewise. */
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

  #close(chunk: Buffer, end: number): Buffer {
    this.closed = true;
    return chunk.subarray(0, end - this.#tail.length);
  }

  #keepTail(data: Buffer, from: number): void {
    const longest = this.#delimiter.length + 1;
    const at = data.indexOf(carriageReturn, Math.max(from, data.length - longest));
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
