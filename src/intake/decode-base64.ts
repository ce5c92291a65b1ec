import { AttachmentError, fault } from '../errors.js';

type Alphabet = 'base64' | 'base64url';

const ownCharacters: Record<Alphabet, readonly [string, string]> = {
  base64: ['+', '/'],
  base64url: ['-', '_'],
};
const equalsSign = 0x3d;
const nothing = Buffer.alloc(0);

/** INVALID_BASE64; its detail is where the text stands and the offset of the first character that no valid text has there. */
class InvalidBase64 extends AttachmentError {
  /** `isInLines`: the offset counts line ends already. */
  constructor(
    loc: readonly (string | number)[],
    readonly offset: number,
    readonly isInLines = false,
  ) {
    const msg = `This is no base64 from the character at offset ${offset} on.`;
    super('INVALID_BASE64', { details: [{ loc: [...loc, offset], msg, type: 'base64_invalid' }] });
  }
}

/**
 * The bytes that base64 text stands for. The text comes in pieces, cut anywhere; bytes are UTF-8. The standard or the URL-safe
 * alphabet, not both; padded in full or not at all; nothing else. Bits that a last, cut group leaves over may be anything. Throws InvalidBase64 at the end of the piece that has the fault.
 */
export function* decodeBase64(
  text: Iterable<Uint8Array | string>,
  loc: readonly (string | number)[] = ['content'],
): Generator<Uint8Array> {
  const decoder = new Base64Decoder();
  for (const piece of text) {
    const bytes = decoder.push(toBytes(piece));
    if (decoder.faultOffset !== null) break;
    if (bytes.length > 0) yield bytes;
  }
  const bytes = decoder.finish();
  if (decoder.faultOffset !== null) throw new InvalidBase64(loc, decoder.faultOffset);
  if (bytes.length > 0) yield bytes;
}

/** How MIME breaks a text: each line but the last has so many characters. A group may go on in the next line. */
export interface Lines {
  length: number;
  end: string;
}

/** The lines of a text that is broken into lines from `start` on, going by the first; null if it is not. */
export function linesOf(text: string, start = 0): Lines | null {
  const [, line = '', end = ''] = /^([^\r\n]{4,76})(\r?\n)/.exec(text.slice(start, start + 78)) ?? [];
  return line === '' ? null : { length: line.length, end };
}

/** How many of so many characters are no line ends. */
export function unfoldedLength(textLength: number, { length, end }: Lines): number {
  return textLength - Math.floor(textLength / (length + end.length)) * end.length;
}

/**
 * As `decodeBase64`, for a whole text, which may be broken into lines as MIME has it. A line end behind the last line is one, too.
 * Every other is a fault.
 */
export function* decodeBase64Text(text: string, loc: readonly (string | number)[]): Generator<Uint8Array> {
  const lines = linesOf(text);
  if (lines === null) {
    yield* decodeBase64(slicesOf(text), loc);
    return;
  }
  try {
    yield* decodeBase64(unfold(text, lines, loc), loc);
  } catch (error) {
    if (!(error instanceof InvalidBase64) || error.isInLines) throw error;
    const offset = error.offset + Math.floor(error.offset / lines.length) * lines.end.length;
    throw new InvalidBase64(loc, Math.min(offset, text.length));
  }
}

/** Characters that are decoded in one go. */
const sliceLength = 256 * 1024;

function* slicesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += sliceLength) yield text.slice(at, at + sliceLength);
}

/** The text without its line ends, many lines at a time. Throws InvalidBase64 where a line does not end in its place. */
function* unfold(text: string, { length, end }: Lines, loc: readonly (string | number)[]): Generator<string> {
  const size = text.endsWith(end) ? text.length - end.length : text.length;
  let piece = '';
  for (let at = 0; at < size; at += length + end.length) {
    piece += text.slice(at, Math.min(at + length, size));
    const next = at + length + end.length;
    const isBroken = at + length < size && !(next < size && text.startsWith(end, at + length));
    if (piece.length < sliceLength && !isBroken) continue;
    yield piece;
    piece = '';
    if (isBroken) throw new InvalidBase64(loc, at + length, true);
  }
  yield piece;
}

/** How many bytes a valid text of so many characters stands for: fewer where the last of them are padding. */
export function decodedSize(textLength: number): { min: number; max: number } {
  const max = Math.floor((textLength * 3) / 4);
  return { min: textLength % 4 === 0 ? Math.max(0, max - 2) : max, max };
}

/** Throws FILE_TOO_LARGE where a text of so many characters must come to more than `maxSize` bytes. */
export function assertDecodedSize(textLength: number, maxSize: number): void {
  if (decodedSize(textLength).min <= maxSize) return;
  const msg = `The content is larger than ${maxSize} bytes.`;
  throw fault('file_too_large', ['input', 'content'], msg, { limit: maxSize });
}

/** Characters beyond ASCII become bytes that no alphabet has. Before them, bytes count like characters. */
function toBytes(piece: Uint8Array | string): Buffer {
  if (typeof piece === 'string') return Buffer.from(piece);
  return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}

class Base64Decoder {
  /** Offset of the first character that is no base64; null if there is none so far. Nothing behind it is decoded. */
  faultOffset: number | null = null;
  /** Characters seen. */
  #length = 0;
  /** The last of them, three at most, which make no group of four yet, and where they begin. */
  #carry = '';
  #carryStart = 0;
  #alphabet: Alphabet | null = null;
  #isPadded = false;

  push(piece: Buffer): Buffer {
    if (this.faultOffset !== null) return nothing;
    const paddingStart = this.#isPadded ? 0 : piece.indexOf(equalsSign);
    const end = paddingStart === -1 ? piece.length : paddingStart;
    const bytes = this.#append(piece.toString('latin1', 0, end));
    for (const character of piece.subarray(end)) this.#pad(character);
    return bytes;
  }

  finish(): Buffer {
    if (this.faultOffset !== null) return nothing;
    const rest = this.#carry;
    const isWhole = this.#isPadded ? this.#length % 4 === 0 : rest.length !== 1;
    if (!isWhole) return this.#refuse(rest);
    return this.#decode(rest, Math.max(0, rest.length - 1));
  }

  #append(characters: string): Buffer {
    this.#length += characters.length;
    const text = this.#carry + characters;
    const whole = text.length - (text.length % 4);
    const bytes = this.#decode(text.slice(0, whole), (whole / 4) * 3);
    this.#carry = text.slice(whole);
    this.#carryStart += whole;
    return bytes;
  }

  #pad(character: number): void {
    if (character !== equalsSign || this.#length % 4 < 2) this.#refuse(this.#carry);
    this.#isPadded = true;
    this.#length += 1;
  }

  /**
   * Node's decoder passes over what is in neither alphabet: where it gives `size` bytes, there was nothing to pass over.
   * That is how the text is checked without a look at each character.
   */
  #decode(text: string, size: number): Buffer {
    const alphabet = this.#alphabet ?? findAlphabet(text);
    const bytes = Buffer.allocUnsafe(size);
    const isMixed = usesAlphabet(text, alphabet === 'base64url' ? 'base64' : 'base64url');
    if (isMixed || bytes.write(text, alphabet ?? 'base64') !== size) return this.#refuse(text);
    this.#alphabet = alphabet;
    return bytes;
  }

  /** The fault is in `text`, the carry and what has come to it, or else at the end of what was seen. */
  #refuse(text: string): Buffer {
    const [special = '+'] = /[-_+/]/.exec(text) ?? [];
    const alphabet = this.#alphabet ?? (usesAlphabet(special, 'base64') ? 'base64' : 'base64url');
    const index = text.search(alphabet === 'base64' ? /[^A-Za-z0-9+/]/ : /[^A-Za-z0-9_-]/);
    this.faultOffset ??= index === -1 ? this.#length : this.#carryStart + index;
    return nothing;
  }
}

function findAlphabet(text: string): Alphabet | null {
  if (usesAlphabet(text, 'base64url')) return 'base64url';
  return usesAlphabet(text, 'base64') ? 'base64' : null;
}

function usesAlphabet(text: string, alphabet: Alphabet): boolean {
  const [first, second] = ownCharacters[alphabet];
  return text.includes(first) || text.includes(second);
}
