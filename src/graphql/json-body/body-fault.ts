import { AttachmentError } from '../../errors.js';

interface FaultPlace {
  /** Within the body; the body as a whole where nothing is said. */
  path?: (string | number)[];
  limit?: number;
}

/** BAD_USER_INPUT for what is wrong with a body. */
export function bodyFault(type: string, msg: string, { path, limit }: FaultPlace = {}): AttachmentError {
  return new AttachmentError('BAD_USER_INPUT', {
    message: msg,
    details: [{ loc: path ?? ['body'], msg, type }],
    ...(limit === undefined ? {} : { limit }),
  });
}

export function invalidJson(msg = 'The body is not valid JSON.'): AttachmentError {
  return bodyFault('json_invalid', msg);
}

/** REQUEST_TOO_LARGE, of the body or of what `path` leads to. */
export function bodyTooLarge(limit: number, msg: string, path?: (string | number)[]): AttachmentError {
  const details = [{ loc: path ?? ['body'], msg, type: 'too_large' }];
  return new AttachmentError('REQUEST_TOO_LARGE', { limit, details });
}
