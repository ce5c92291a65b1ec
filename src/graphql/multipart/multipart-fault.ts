import { type AttachmentError, type FaultTypeOf, fault, type Loc } from '../../errors.js';
import { maxPartNameLength } from './multipart-limits.js';

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
