import { type AttachmentError, type FaultTypeOf, fault, type Loc } from '../../errors.js';

interface BodyFaultOptions {
  /** Within the body; the body as a whole where nothing is said. */
  path?: Loc;
  limit?: number;
}

/** BAD_USER_INPUT for what is wrong with a body. */
export function bodyFault(
  type: FaultTypeOf<'BAD_USER_INPUT'>,
  msg: string,
  { path = ['body'], limit }: BodyFaultOptions = {},
): AttachmentError {
  return fault(type, path, msg, { message: msg, limit });
}

export function invalidJson(msg = 'The body is not valid JSON.'): AttachmentError {
  return bodyFault('json_invalid', msg);
}

/** REQUEST_TOO_LARGE, of the body or of what `path` leads to. */
export function bodyTooLarge(limit: number, msg: string, path: Loc = ['body']): AttachmentError {
  return fault('too_large', path, msg, { limit });
}
