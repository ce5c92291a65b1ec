import { invalidJson } from './body-fault.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** As JSON.parse, of UTF-8; BAD_USER_INPUT where it is not one or not the other. A byte order mark is passed over. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw invalidJson(bytes.length === 0 ? 'The body is empty.' : undefined);
  }
}
