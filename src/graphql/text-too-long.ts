import { type AttachmentError, fault } from '../errors.js';
import { defaultJsonBodyLimits } from './json-body/json-body-limits.js';

/** REQUEST_TOO_LARGE for a long text where no content can be; `loc` is a path into the arguments. */
export function textTooLong(loc: (string | number)[]): AttachmentError {
  const limit = defaultJsonBodyLimits.longTextThreshold;
  const msg = `The text has more than ${limit} bytes.`;
  return fault('too_long', loc, msg, { code: 'REQUEST_TOO_LARGE', limit });
}
