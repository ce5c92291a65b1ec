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

/** A name chosen by the client, at a length fit for an answer. */
export function shortName(name: string): string {
  return name.length <= maxPartNameLength ? name : `${name.slice(0, maxPartNameLength)}…`;
}
