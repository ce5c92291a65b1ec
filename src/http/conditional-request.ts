import type { IncomingHttpHeaders } from 'node:http';
import fresh from 'fresh';
import type { ByteRange } from '../storage/storage.js';

/** Validators of a file: a strong entity tag, quotes included, and an HTTP date. */
export interface Validators {
  etag: string;
  lastModified: string;
  /** Whether other content has had the date too, as a replacement within the same second leaves it. A date counts seconds. */
  isDateShared: boolean;
}

/** Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, section 13.2.2. */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): 'PROCEED' | 'NOT_MODIFIED' | 'FAILED' {
  if (!isAsExpected(headers, validators)) return 'FAILED';
  const latest = new Date(latestChange(validators)).toUTCString();
  return fresh(headers, { etag: validators.etag, 'last-modified': latest }) ? 'NOT_MODIFIED' : 'PROCEED';
}

/** The end of the second that a shared date says, in milliseconds since 1970: whoever has that date may have the other content. */
const latestChange = ({ lastModified, isDateShared }: Validators): number =>
  Date.parse(lastModified) + (isDateShared ? 1_000 : 0);

/**
 * Whether a Range may be honoured: If-Range is absent, or names exactly this state of the file. A shared date names none, for parts
 * of two contents would be taken for one file.
 */
export function isRangeCurrent(headers: IncomingHttpHeaders, validators: Validators): boolean {
  const ifRange = headers['if-range'];
  if (ifRange === undefined || ifRange === validators.etag) return true;
  return !validators.isDateShared && Date.parse(String(ifRange)) === Date.parse(validators.lastModified);
}

/** If-Match, or If-Unmodified-Since where there is none. */
function isAsExpected(headers: IncomingHttpHeaders, validators: Validators): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    return ifMatch.trim() === '*' || ifMatch.split(',').some((tag) => tag.trim() === validators.etag);
  }
  const limit = Date.parse(headers['if-unmodified-since'] ?? '');
  return Number.isNaN(limit) || latestChange(validators) <= limit;
}

const singleRange = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The part of `size` bytes that a Range header asks for (RFC 9110, section 14). Null where the whole is to be sent: no
 * header, another unit, a malformed one, or a list of ranges, which is never worth the cost of answering it in pieces.
 */
export function readByteRange(header: string | undefined, size: number): ByteRange | 'UNSATISFIABLE' | null {
  const [, first = '', last = ''] = singleRange.exec(header ?? '') ?? [];
  if (first === '') return last === '' ? null : suffixRange(Number(last), size);

  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return null;
  return start < size ? { start, end: Math.min(end, size - 1) } : 'UNSATISFIABLE';
}

/** The last `length` bytes, or all where there are fewer. An empty file has no last bytes to name, so it is sent whole. */
function suffixRange(length: number, size: number): ByteRange | 'UNSATISFIABLE' | null {
  if (length === 0) return 'UNSATISFIABLE';
  return size === 0 ? null : { start: Math.max(0, size - length), end: size - 1 };
}
