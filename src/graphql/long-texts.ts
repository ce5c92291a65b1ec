import { type AttachmentError, fault, type Loc } from '../errors.js';

/** A string with more characters is a long text: it can only be content. */
export const longText = 256 * 1024;

/** REQUEST_TOO_LARGE for a long text where no content can be; `loc` is a path into the arguments. */
export function textTooLong(loc: Loc): AttachmentError {
  const msg = `The text has more than ${longText} bytes.`;
  return fault('too_long', loc, msg, { code: 'REQUEST_TOO_LARGE', limit: longText });
}

/** The places of long texts in a value, such as the arguments of a field. Throws BAD_USER_INPUT for a key that long. */
export function findLongTexts(value: unknown): Loc[] {
  const found: Loc[] = [];
  const path: Loc = [];
  const search = (part: unknown): void => {
    if (typeof part === 'string' && part.length > longText) found.push([...path]);
    if (typeof part !== 'object' || part === null) return;
    for (const [key, member] of Object.entries(part)) {
      if (key.length > longText) throw longKey();
      path.push(Array.isArray(part) ? Number(key) : key);
      search(member);
      path.pop();
    }
  };
  search(value);
  return found;
}

export function longKey(): AttachmentError {
  const msg = `A key may have at most ${longText} bytes.`;
  return fault('key_too_long', ['body'], msg, { message: msg, limit: longText });
}
