import type { IncomingHttpHeaders } from 'node:http';
import fresh from 'fresh';

/** What tells one state of a file from another: a strong entity tag, quotes included, and an HTTP date. */
export interface Validators {
  etag: string;
  lastModified: string;
}

/** Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, section 13.2.2. */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): 'PROCEED' | 'NOT_MODIFIED' | 'FAILED' {
  if (!isAsExpected(headers, validators)) return 'FAILED';
  const { etag, lastModified } = validators;
  return fresh(headers, { etag, 'last-modified': lastModified }) ? 'NOT_MODIFIED' : 'PROCEED';
}

/** Whether a Range may be honoured: If-Range is absent, or names exactly this state of the file. */
export function isRangeCurrent(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const ifRange = headers['if-range'];
  if (ifRange === undefined || ifRange === etag) return true;
  return Date.parse(String(ifRange)) === Date.parse(lastModified);
}

/** If-Match, or If-Unmodified-Since where there is none. */
function isAsExpected(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    return ifMatch.trim() === '*' || ifMatch.split(',').some((tag) => tag.trim() === etag);
  }
  const limit = Date.parse(headers['if-unmodified-since'] ?? '');
  return Number.isNaN(limit) || Date.parse(lastModified) <= limit;
}
