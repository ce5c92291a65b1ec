import { AttachmentError, errorTable } from '../errors.js';

/** NOT_FOUND for what the input names at `loc`: not there, or not for this viewer; nobody learns which. */
export function notFound(loc: (string | number)[]): AttachmentError {
  return new AttachmentError('NOT_FOUND', {
    details: [{ loc, msg: errorTable.NOT_FOUND.message, type: 'not_found' }],
  });
}
