import { invalidJson } from './body-fault.js';

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;

/** Offset of the closing quote of the string that begins at `start`, looked for from `from` on; -1 if there is none yet. */
export function findStringEnd(bytes: Buffer, start: number, from = start): number {
  for (let at = bytes.indexOf(quote, from); at !== -1; at = bytes.indexOf(quote, at + 1)) {
    if (countBackslashes(bytes, start, at) % 2 === 0) return at;
  }
  return -1;
}

/** How much of a piece, which begins with a whole character, comes before an escape that is cut off at its end. */
export function lengthOfWholeEscapes(piece: Buffer): number {
  const last = piece.lastIndexOf(backslash);
  if (last === -1 || countBackslashes(piece, 0, last + 1) % 2 === 0) return piece.length;
  const end = last + (piece[last + 1] === letterU ? 6 : 2);
  return end > piece.length ? last : piece.length;
}

/**
 * The UTF-8 of a piece of a string without cut escapes, or BAD_USER_INPUT where JSON forbids what is in it. Beyond ASCII
 * it is exact no more: there it gives bytes above 127, and no others.
 */
export function unescapeJson(piece: Buffer): Buffer {
  try {
    return Buffer.from(JSON.parse(`"${piece.toString('latin1')}"`));
  } catch {
    throw invalidJson();
  }
}

/** How many come one after the other right before `end`. */
function countBackslashes(bytes: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === backslash) at -= 1;
  return end - at;
}
