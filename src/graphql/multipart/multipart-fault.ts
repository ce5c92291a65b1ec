import { AttachmentError, type FaultDetail } from '../../errors.js';
import { maxPartNameLength } from './multipart-limits.js';

/** INVALID_MULTIPART for several faults at once, each with its place. */
export function invalidMultipart(details: FaultDetail[], limit?: number): AttachmentError {
  const [first] = details;
  return new AttachmentError('INVALID_MULTIPART', {
    details,
    ...(first !== undefined && details.length === 1 ? { message: first.msg } : {}),
    ...(limit === undefined ? {} : { limit }),
  });
}

/** INVALID_MULTIPART for the one fault that stops everything. */
export function multipartFault(
  loc: (string | number)[],
  type: string,
  msg: string,
  limit?: number,
): AttachmentError {
  return invalidMultipart([{ loc, msg, type }], limit);
}

/** REQUEST_TOO_LARGE: the body as a whole, or the part at `loc`, has more than `limit` bytes. */
export function requestTooLarge(loc: 'operations' | 'map' | null, limit: number): AttachmentError {
  const msg = `${loc === null ? 'The request' : `"${loc}"`} may have at most ${limit} bytes.`;
  return new AttachmentError('REQUEST_TOO_LARGE', {
    message: msg,
    limit,
    details: [{ loc: loc === null ? [] : [loc], msg, type: 'too_large' }],
  });
}

export function tooManyFiles(limit: number): AttachmentError {
  const msg = `A request may carry at most ${limit} files.`;
  const details = [{ loc: ['map'], msg, type: 'too_many_files' }];
  return new AttachmentError('TOO_MANY_FILES', { message: msg, limit, details });
}

/** A name chosen by the client, at a length fit for an answer. */
export function shortName(name: string): string {
  return name.length <= maxPartNameLength ? name : `${name.slice(0, maxPartNameLength)}…`;
}
