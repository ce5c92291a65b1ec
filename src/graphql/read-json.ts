import { isAscii } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { setImmediate as nextRound } from 'node:timers/promises';
import { AttachmentError, fault, type Loc } from '../errors.js';
import {
  assertExactNumbers,
  beginsValue,
  closers,
  isEscaped,
  maxDepth,
  maxValues,
  openers,
  tooDeep,
  tooManyValues,
} from './json-limits.js';
import { findLongTexts, longKey, longText, textTooLong } from './long-texts.js';

/** Characters of a body beside its long texts. */
export const maxRest = 1024 * 1024;

/** Bytes that are decoded in one turn of the event loop. */
const turnSize = 1024 * 1024;

/** Bytes that a body needs for content of `maxInlineSize` bytes as base64, in lines of 64 characters and `\r\n`, and for the rest. */
export function maxJsonBody(maxInlineSize: number): number {
  return Math.ceil((Math.ceil(maxInlineSize / 3) * 4 * (64 + 4)) / 64) + maxRest;
}

/** Resolves when the next piece of a large body may be read. */
type NextTurn = () => Promise<void>;

/**
 * A body as JSON, read in turns of the event loop: long texts are cut out, and only the rest is parsed and looked through in one
 * go. Throws BAD_USER_INPUT (types `json_invalid`, `json_too_deep`, `key_too_long`, `inexact_number`), REQUEST_TOO_LARGE for too
 * much that is no content and for too many values, TOO_MANY_FILES; and what `permitContent` throws, which is called if there is
 * content in it.
 */
export async function readJson(
  bytes: Buffer,
  permitContent: () => void,
  { maxFiles, nextTurn = nextRound }: { maxFiles: number; nextTurn?: NextTurn },
): Promise<unknown> {
  const text = await decode(bytes, nextTurn);
  if (text.length > maxRest) await nextTurn();
  const spans = findLongStrings(text);
  const { rest, strings } = await cutOut(text, spans, nextTurn);
  const value = putBack(parse(rest), strings);
  if (text.length > maxRest) await nextTurn();
  assertExactNumbers(rest);
  const texts = spans.length > 0 ? findLongTexts(value) : [];
  for (const path of texts) assertPlace(path);
  if (texts.length > 0) permitContent();
  if (texts.length > maxFiles) throw new AttachmentError('TOO_MANY_FILES', { limit: maxFiles });
  return value;
}

/** A byte order mark is passed over. Content as text is ASCII, which is copied as it is. */
async function decode(bytes: Buffer, nextTurn: NextTurn): Promise<string> {
  if (isAscii(bytes)) return bytes.toString('latin1');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for (let at = 0; at < bytes.length; at += turnSize) {
      if (at > 0) await nextTurn();
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

/** Offsets of a string's first character, and of its closing quote. */
interface Span {
  start: number;
  end: number;
}

/** The long strings of a text. Bounds, before it is parsed, how deep it is, its values, and how much of it is no long text. */
function findLongStrings(text: string): Span[] {
  const spans: Span[] = [];
  let depth = 0;
  let rest = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    rest += 1;
    if (character === quote) {
      const string = measureString(text, at);
      rest += string.rest;
      if (string.end - at > longText) spans.push({ start: at + 1, end: string.end });
      at = string.end;
    } else if (openers.has(character)) depth += 1;
    else if (closers.has(character)) depth -= 1;
    if (beginsValue(character)) values += 1;
    if (depth > maxDepth) throw tooDeep(['body']);
    if (values > maxValues) throw tooManyValues(['body']);
    if (rest > maxRest) throw tooMuch();
  }
  return spans;
}

/** A run of so many is no content, and not worth counting. */
const backslashes = '\\'.repeat(longText);

/** The closing quote of a string, and its characters that belong to no long text: no content has quotes in it. */
function measureString(text: string, start: number): { end: number; rest: number } {
  let rest = 0;
  let from = start;
  while (rest <= maxRest) {
    const end = text.indexOf('"', from + 1);
    if (end === -1) throw invalidJson();
    if (text.endsWith(backslashes, end)) throw tooMuch();
    rest += end - from > longText ? 1 : end - from;
    if (!isEscaped(text, end)) return { end, rest };
    from = end;
  }
  return { end: from, rest };
}

/** Stands for a string that was cut out, with the number of that string behind it. Nobody outside knows it. */
const mark = `cut out ${randomUUID()} `;

/** The text with marks in place of these strings, and the strings by their marks. */
async function cutOut(
  text: string,
  spans: readonly Span[],
  nextTurn: NextTurn,
): Promise<{ rest: string; strings: Map<string, string> }> {
  const strings = new Map<string, string>();
  let rest = '';
  let from = 0;
  for (const { start, end } of spans) {
    const name = `${mark}${strings.size}`;
    strings.set(name, await readString(text, { start, end }, nextTurn));
    rest += `${text.slice(from, start)}${name}`;
    from = end;
  }
  return { rest: rest + text.slice(from), strings };
}

/** Characters that JSON escapes. */
const unlikeItself = /[\p{Cc}\\]/u;

/** A string between its quotes: a part of the text, unless something in it has to be unescaped. */
async function readString(text: string, span: Span, nextTurn: NextTurn): Promise<string> {
  for (let at = span.start; at < span.end; at += turnSize) {
    await nextTurn();
    if (unlikeItself.test(text.slice(at, Math.min(span.end, at + turnSize))))
      return readEscaped(text, { start: at, end: span.end }, text.slice(span.start, at), nextTurn);
  }
  return text.slice(span.start, span.end);
}

/** The string that begins so, with the rest of it unescaped piece by piece. */
async function readEscaped(
  text: string,
  { start, end }: Span,
  beginning: string,
  nextTurn: NextTurn,
): Promise<string> {
  let string = beginning;
  for (let at = start; at < end; ) {
    await nextTurn();
    const piece = text.slice(at, Math.min(end, at + turnSize));
    const length = at + piece.length < end ? piece.length - cutEscape(piece) : piece.length;
    string += String(parse(`"${piece.slice(0, length)}"`));
    at += length;
  }
  return string;
}

/** Characters at the end of a piece that may be the beginning of an escape, such as `\\u00`. */
function cutEscape(piece: string): number {
  const last = piece.lastIndexOf('\\');
  const length = piece.length - last;
  return last === -1 || length > 5 || isEscaped(piece, last) ? 0 : length;
}

/** The value with the strings in place of their marks. Throws BAD_USER_INPUT for a key that is one of them. */
function putBack(value: unknown, strings: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return strings.get(value) ?? value;
  if (strings.size === 0 || typeof value !== 'object' || value === null) return value;
  for (const [key, member] of Object.entries(value)) {
    if (strings.has(key)) throw longKey();
    const string = putBack(member, strings);
    if (string !== member)
      Object.defineProperty(value, key, {
        value: string,
        configurable: true,
        enumerable: true,
        writable: true,
      });
  }
  return value;
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

function tooMuch(): AttachmentError {
  const msg = `The body may have at most ${maxRest} bytes without its contents.`;
  return fault('too_large', ['body'], msg, { limit: maxRest });
}

function invalidJson(msg = 'The body is not valid JSON.'): AttachmentError {
  return fault('json_invalid', ['body'], msg, { code: 'BAD_USER_INPUT', message: msg });
}
