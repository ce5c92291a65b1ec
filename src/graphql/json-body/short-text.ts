import { randomBytes } from 'node:crypto';
import { assertExactNumbers } from '../exact-numbers.js';
import { bodyFault, bodyTooLarge } from './body-fault.js';
import type { JsonBodyLimits } from './json-body-limits.js';
import { findStringEnd } from './json-string.js';
import { Nesting } from './nesting.js';
import { parseJson } from './parse-json.js';

/** A string that has turned out to be a long text. */
export interface LongTextStart {
  /** The token in its place. */
  token: string;
  path: (string | number)[];
  /** Its beginning, as sent; perhaps all of it, with the closing quote and more. */
  first: Buffer;
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const quote = 0x22;

/** The text of a body without its long texts: it finds them while it gathers the rest, and checks size and depth of that. */
export class ShortText {
  readonly #limits: JsonBodyLimits;
  readonly #nesting: Nesting;
  /** The text so far, and the memory it lies in, which may have room for more behind it. */
  #text: Buffer = Buffer.alloc(0);
  #memory = this.#text;
  /** Everything before this offset has been scanned. */
  #at = 0;
  /** The opening quote of the string that it ends in; null where it ends in none. */
  #stringStart: number | null = null;
  #tokenSize = 0;

  constructor(limits: JsonBodyLimits) {
    this.#limits = limits;
    this.#nesting = new Nesting(limits.maxDepth);
  }

  /** The bytes must stay as they are until more is appended, or all is parsed. */
  append(bytes: Buffer): void {
    const length = this.#text.length;
    if (length === 0) {
      this.#use(bytes);
      return;
    }
    this.#makeRoom(bytes.length);
    bytes.copy(this.#memory, length);
    this.#text = this.#memory.subarray(0, length + bytes.length);
  }

  /**
   * Looks through what is new. Where a long text begins, puts a token in its place and returns it: the text is to be
   * read on by other means, and what comes behind its closing quote to be appended. Null where all there is is short.
   */
  scan(): LongTextStart | null {
    while (this.#at < this.#text.length) {
      if (this.#stringStart === null) this.#passStructure();
      if (this.#stringStart === null) break;
      const longText = this.#passString(this.#stringStart);
      if (longText !== null) return longText;
    }
    this.#checkSize();
    return null;
  }

  /** The value, with tokens for long texts. Throws BAD_USER_INPUT for numbers among the variables that would be changed. */
  parse(): unknown {
    const value = parseJson(this.#text);
    assertExactNumbers(this.#text.toString());
    return value;
  }

  /** Up to the first byte of a string, or the end. */
  #passStructure(): void {
    const text = this.#text;
    for (let at = this.#at; at < text.length; at += 1) {
      const byte = text[at];
      if (byte === quote) {
        this.#stringStart = at;
        this.#at = at + 1;
        return;
      }
      if (byte === comma) this.#nesting.comma();
      else if (byte === openBrace || byte === openBracket) this.#nesting.open(byte === openBrace);
      else if (byte === closeBrace || byte === closeBracket) this.#nesting.close();
    }
    this.#at = text.length;
  }

  /** Up to the end of the string, or the end. */
  #passString(start: number): LongTextStart | null {
    const found = findStringEnd(this.#text, start + 1, this.#at);
    const end = found === -1 ? this.#text.length : found;
    if (end - start - 1 > this.#limits.longTextThreshold) return this.#cutOut(start);
    this.#at = end;
    if (found === -1) return null;
    this.#at += 1;
    this.#nesting.string(start, end);
    this.#stringStart = null;
    return null;
  }

  /** Makes a long text of the string that begins at `start`. */
  #cutOut(start: number): LongTextStart {
    this.#checkSize();
    if (this.#nesting.awaitsKey) throw longKey(this.#limits.longTextThreshold);
    const path = this.#nesting.path(this.#text);
    const token = randomBytes(24).toString('base64url');
    const first = this.#text.subarray(start + 1);
    this.#use(Buffer.concat([this.#text.subarray(0, start + 1), Buffer.from(`${token}"`)]));
    this.#at = this.#text.length;
    this.#stringStart = null;
    this.#tokenSize += token.length;
    return { token, path, first };
  }

  /** A string that is open counts only once it is known to be short. */
  #checkSize(): void {
    const { maxShortSize } = this.#limits;
    const end = this.#stringStart === null ? this.#text.length : this.#stringStart + 1;
    if (end - this.#tokenSize <= maxShortSize) return;
    const msg = `The body may have at most ${maxShortSize} bytes without its contents.`;
    throw bodyTooLarge(maxShortSize, msg);
  }

  #makeRoom(size: number): void {
    const needed = this.#text.length + size;
    if (needed <= this.#memory.length) return;
    const memory = Buffer.allocUnsafe(needed * 2);
    this.#text.copy(memory);
    this.#memory = memory;
  }

  #use(bytes: Buffer): void {
    this.#text = bytes;
    this.#memory = bytes;
  }
}

function longKey(limit: number) {
  return bodyFault('key_too_long', `A key may have at most ${limit} bytes.`, { limit });
}
