import type { Faults, FaultTypeOf, Loc } from '../errors.js';

/** Why a name is refused: a machine-readable kind and a sentence. */
export interface NameFault {
  type: FaultTypeOf<'INVALID_FILE_NAME'>;
  msg: string;
}

/**
 * In characters, which are code points of Unicode, and take up to 1,020 bytes of UTF-8. Nothing is stored under a name, so that no
 * file system's count of bytes matters.
 */
export const maxFileNameLength = 255;
/** In UTF-16 units, more than a good name comes from: what is longer is not looked at. */
const maxRawLength = 2_048;

/** C0 and C1 controls and the line and paragraph separators. */
const controls = /[\p{Cc}\u2028\u2029]/u;
/** Characters that reorder what is displayed, so that `exe.fdp` may look like `pdf.exe`. */
const bidiOverrides = /[\u202A-\u202E\u2066-\u2069]/u;
const loneSurrogates = /\p{Cs}/u;
/**
 * Invisible characters that mean nothing in a name. The marks of direction are among them, which systems of right-to-left scripts put
 * into names unasked, and which reorder no letter. The joiners are not: emoji and scripts need those.
 */
const ignorable = /[\u00AD\u061C\u180E\u200B\u200E\u200F\u2060-\u2064\uFEFF]/g;
const visible = /[^\p{Default_Ignorable_Code_Point}\s.]/u;
/** Device names of Windows, with any extension or stream. */
const reservedNames = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:[.:]|$)/i;

/**
 * Makes a name given by a client safe to store, show and download under: NFC, without invisible characters, without space
 * around it or dots behind it. A name that would have to be changed beyond that is refused.
 */
export function cleanFileName(name: string): { name: string } | { fault: NameFault } {
  if (name.length > maxRawLength) return { fault: tooLong(name) };
  const clean = trimEnds(name.replace(ignorable, '').normalize('NFC'));
  const fault = faultOf(clean, name);
  return fault ? { fault } : { name: clean };
}

/** A file part's own name without the folders that some clients send along with it. */
export function lastPathSegment(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

/** Windows drops dots and spaces at the end, and so would show one file for two names. */
function trimEnds(name: string): string {
  return name.trimStart().replace(/[\s.]+$/u, '');
}

function faultOf(clean: string, original: string): NameFault | null {
  if (controls.test(original)) {
    return { type: 'control_character', msg: 'The file name has a control character.' };
  }
  if (bidiOverrides.test(original)) {
    const msg = 'The file name has a character that changes the direction of text.';
    return { type: 'bidi_override', msg };
  }
  if (loneSurrogates.test(original)) {
    return { type: 'lone_surrogate', msg: 'The file name is not valid Unicode.' };
  }
  if (/[/\\]/.test(clean) || /^\s*\.{1,2}\s*$/.test(original)) {
    return { type: 'path', msg: 'The file name must not be a path.' };
  }
  if (!visible.test(clean)) {
    return { type: 'empty', msg: 'The file name is empty, or has only dots, spaces and the like.' };
  }
  if (reservedNames.test(clean)) {
    return { type: 'reserved_name', msg: 'The file name is reserved by an operating system.' };
  }
  return charactersIn(clean) > maxFileNameLength ? tooLong(clean) : null;
}

/** Code points, which are what people take for characters more often than UTF-16 units are. */
export const charactersIn = (text: string): number => [...text].length;

function tooLong(name: string): NameFault {
  const msg = `The file name has ${charactersIn(name)} characters; at most ${maxFileNameLength} are allowed.`;
  return { type: 'too_long', msg };
}

/**
 * The name that clients will see: the input's, else the file part's own. The input's must be right as it stands; the
 * part's loses its folders first. Notes a fault and returns '' where neither will do.
 */
export function chooseFileName(
  faults: Faults,
  given: string | null,
  ofPart: string | null,
  loc: Loc = ['input', 'fileName'],
): string {
  const name = given ?? (ofPart === null ? '' : lastPathSegment(ofPart));
  const cleaned = cleanFileName(name);
  if ('name' in cleaned) return cleaned.name;
  const { type, msg } = cleaned.fault;
  const limit = type === 'too_long' ? maxFileNameLength : undefined;
  faults.add(type, loc, msg, { code: 'INVALID_FILE_NAME', limit });
  return '';
}
