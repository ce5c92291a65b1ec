import type { IncomingHttpHeaders } from 'node:http';
import fresh from 'fresh';
import { fault } from '../errors.js';

/** Validators of a file: an entity tag, quotes included, and an HTTP date. */
export interface Validators {
  etag: string;
  lastModified: string;
  /** Whether other content has had the date too, as a replacement within the same second leaves it. A date counts seconds. */
  isDateShared: boolean;
}

/**
 * Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, section 13.2.2. Cache-Control is none of them: `no-cache`
 * asks caches to go to the origin, which this is. Throws BAD_USER_INPUT of type `precondition_failed`, which is 412.
 */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): 'PROCEED' | 'NOT_MODIFIED' {
  assertAsExpected(headers, validators);
  const latest = new Date(latestChange(validators)).toUTCString();
  const since = readHttpDate(headers['if-modified-since']);
  const conditions = {
    ...(headers['if-none-match'] === undefined ? {} : { 'if-none-match': headers['if-none-match'] }),
    ...(Number.isNaN(since) ? {} : { 'if-modified-since': new Date(since).toUTCString() }),
  };
  return fresh(conditions, { etag: validators.etag, 'last-modified': latest }) ? 'NOT_MODIFIED' : 'PROCEED';
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
  return !validators.isDateShared && readHttpDate(String(ifRange)) === Date.parse(validators.lastModified);
}

/** By If-Match, for which a weak entity tag never holds, or by If-Unmodified-Since where there is none. */
function assertAsExpected(headers: IncomingHttpHeaders, validators: Validators): void {
  const ifMatch = headers['if-match'];
  const tags = ifMatch?.split(',').map((tag) => tag.trim());
  const limit = readHttpDate(headers['if-unmodified-since']);
  const isExpected = tags
    ? ifMatch?.trim() === '*' || (!validators.etag.startsWith('W/') && tags.includes(validators.etag))
    : Number.isNaN(limit) || latestChange(validators) <= limit;
  if (isExpected) return;
  const message = 'The file is not, or no longer, the one that the request names.';
  const loc = ['headers', tags ? 'if-match' : 'if-unmodified-since'];
  throw fault('precondition_failed', loc, message, { message });
}

/** An HTTP date as we write it, and the two older forms that must be taken. Each of them is UTC. */
const datesWithZone =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d) \d\d:\d\d:\d\d GMT$/;
const dateWithoutZone = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/** Milliseconds since 1970; NaN for what is no date of HTTP (RFC 9110, section 5.6.7), which is to be passed over. */
function readHttpDate(text = ''): number {
  if (dateWithoutZone.test(text)) return Date.parse(`${text} GMT`);
  return datesWithZone.test(text) ? Date.parse(text) : Number.NaN;
}
