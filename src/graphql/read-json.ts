import { setImmediate } from 'node:timers/promises';
import { assertPermitted, contentNeed } from '../auth/permission-table.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError, fault, type Loc } from '../errors.js';
import { assertExactNumbers, isEscaped } from './exact-numbers.js';

/** A string with more characters is a long text: it can only be content. */
export const longText = 256 * 1024;

/** Characters of a body beside its long texts. */
export const maxRest = 1024 * 1024;

/** Objects and arrays within one another. */
export const maxDepth = 100;

/** Bytes that are decoded in one turn of the event loop. */
const turnSize = 1024 * 1024;

/** Bytes that a body needs for content of `maxInlineSize` bytes as base64, and for the rest. */
export function maxJsonBody(maxInlineSize: number): number {
  return Math.ceil(maxInlineSize / 3) * 4 + maxRest;
}

/**
 * A body as JSON, which nothing holds up the event loop for but JSON.parse itself. Throws BAD_USER_INPUT (types `json_invalid`,
 * `json_too_deep`, `key_too_long`, `inexact_number`), REQUEST_TOO_LARGE for too much that is no content, TOO_MANY_FILES; and what
 * `assertPermitted` throws, if there is content in it.
 */
export async function readJson(
  bytes: Buffer,
  viewer: Viewer | null,
  { maxFiles }: { maxFiles: number },
): Promise<unknown> {
  const text = await decode(bytes);
  const endTurn = async () => text.length > maxRest && setImmediate();
  assertShape(text);
  await endTurn();
  const value = parse(text);
  await endTurn();
  assertExactNumbers(text);
  const texts = text.length > longText ? findLongTexts(value) : [];
  for (const path of texts) assertPlace(path);
  if (texts.length > 0) assertPermitted(viewer, contentNeed);
  if (texts.length > maxFiles) throw new AttachmentError('TOO_MANY_FILES', { limit: maxFiles });
  return value;
}

/** A byte order mark is passed over. */
async function decode(bytes: Buffer): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for (let at = 0; at < bytes.length; at += turnSize) {
      if (at > 0) await setImmediate();
      text += decoder.decode(bytes.subarray(at, at + turnSize), { stream: true });
    }
    return text + decoder.decode();
  } catch {
    throw invalidJson();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidJson(text === '' ? 'The body is empty.' : undefined);
  }
}

const quote = 0x22;
const openers = new Set([0x7b, 0x5b]);
const closers = new Set([0x7d, 0x5d]);

/** Bounds, before it is parsed, how deep a text is and how much of it is no long text. */
function assertShape(text: string): void {
  let depth = 0;
  let rest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    rest += 1;
    if (character === quote) {
      const string = measureString(text, at);
      rest += string.rest;
      at = string.end;
    } else if (openers.has(character)) depth += 1;
    else if (closers.has(character)) depth -= 1;
    if (depth > maxDepth) throw tooDeep();
    if (rest > maxRest) throw tooMuch();
  }
}

/** The closing quote of a string, and its characters that belong to no long text: no content has quotes in it. */
function measureString(text: string, start: number): { end: number; rest: number } {
  let rest = 0;
  let from = start;
  while (rest <= maxRest) {
    const found = text.indexOf('"', from + 1);
    const end = found === -1 ? text.length : found;
    rest += end - from > longText ? 1 : end - from;
    if (found === -1 || !isEscaped(text, found)) return { end, rest };
    from = end;
  }
  return { end: from, rest };
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

/** Content is a member of an input, or a variable of its own, whatever its name. */
function assertPlace(path: Loc): void {
  const [first, ...loc] = path;
  if (first !== 'variables') {
    const msg = `Outside of the variables, a string may have at most ${longText} bytes.`;
    throw fault('too_large', path, msg, { limit: longText });
  }
  const member = path.at(-1);
  if (loc.length !== 1 && member !== 'base64' && member !== 'dataUrl') throw textTooLong(loc);
}

/** REQUEST_TOO_LARGE for a long text where no content can be; `loc` is a path into the arguments. */
export function textTooLong(loc: Loc): AttachmentError {
  const msg = `The text has more than ${longText} bytes.`;
  return fault('too_long', loc, msg, { code: 'REQUEST_TOO_LARGE', limit: longText });
}

function tooMuch(): AttachmentError {
  const msg = `The body may have at most ${maxRest} bytes without its contents.`;
  return fault('too_large', ['body'], msg, { limit: maxRest });
}

function tooDeep(): AttachmentError {
  const msg = `The body is nested deeper than ${maxDepth} levels.`;
  return fault('json_too_deep', ['body'], msg, { code: 'BAD_USER_INPUT', message: msg, limit: maxDepth });
}

function longKey(): AttachmentError {
  const msg = `A key may have at most ${longText} bytes.`;
  return fault('key_too_long', ['body'], msg, { message: msg, limit: longText });
}

function invalidJson(msg = 'The body is not valid JSON.'): AttachmentError {
  return fault('json_invalid', ['body'], msg, { code: 'BAD_USER_INPUT', message: msg });
}
