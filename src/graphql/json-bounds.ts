import { type AttachmentError, fault, type Loc } from '../errors.js';
import { endOfString } from './exact-numbers.js';

/** Objects and arrays within one another. */
export const maxDepth = 100;

/** Values in a JSON text: each is looked at several times before an operation begins. */
export const maxValues = 25_000;

const quote = 0x22;
const comma = 0x2c;
export const openers: ReadonlySet<number> = new Set([0x7b, 0x5b]);
export const closers: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/** Every value but the outermost follows one of these. */
export const beginsValue = (character: number) => character === comma || openers.has(character);

/** Finds out, before it is parsed, which bound a text passes first, if any. */
export function findExcess(text: string): 'levels' | 'values' | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at) - 1;
    else if (openers.has(character)) depth += 1;
    else if (closers.has(character)) depth -= 1;
    if (beginsValue(character)) values += 1;
    if (depth > maxDepth) return 'levels';
    if (values > maxValues) return 'values';
  }
  return null;
}

export function tooManyValues(loc: Loc): AttachmentError {
  const msg = `There may be at most ${maxValues} values in the JSON.`;
  return fault('too_many_values', loc, msg, { limit: maxValues });
}

export function tooDeep(loc: Loc): AttachmentError {
  const msg = `The JSON is nested deeper than ${maxDepth} levels.`;
  return fault('json_too_deep', loc, msg, { code: 'BAD_USER_INPUT', message: msg, limit: maxDepth });
}
