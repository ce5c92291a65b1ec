/** Why a name is refused: a machine-readable kind and a sentence. */
export interface NameFault {
  type: string;
  msg: string;
}

/** In bytes of UTF-8, as file systems count. */
export const maxFileNameBytes = 255;

/** C0 and C1 controls and the line and paragraph separators. */
const controls = /[\p{Cc}\u2028\u2029]/u;
/** Characters that reorder what is displayed, so that `exe.fdp` may look like `pdf.exe`. */
const bidiOverrides = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
const loneSurrogates = /\p{Cs}/u;
/** Device names of Windows, with any extension. */
const reservedNames = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/**
 * Makes a name given by a client safe to store, show and download under: NFC, trimmed. A name that would have to be
 * changed beyond that is refused.
 */
export function cleanFileName(name: string): { name: string } | { fault: NameFault } {
  const clean = name.normalize('NFC').trim();
  const fault = faultOf(clean, name);
  return fault ? { fault } : { name: clean };
}

/** A file part's own name without the folders that some clients send along with it. */
export function lastPathSegment(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

function faultOf(clean: string, original: string): NameFault | null {
  const bytes = Buffer.byteLength(clean);
  if (clean === '') return { type: 'empty', msg: 'The file name is empty.' };
  if (bytes > maxFileNameBytes) {
    return {
      type: 'too_long',
      msg: `The file name has ${bytes} bytes; at most ${maxFileNameBytes} are allowed.`,
    };
  }
  if (controls.test(original))
    return { type: 'control_character', msg: 'The file name has a control character.' };
  if (bidiOverrides.test(clean)) {
    return {
      type: 'bidi_override',
      msg: 'The file name has a character that changes the direction of text.',
    };
  }
  if (loneSurrogates.test(clean))
    return { type: 'lone_surrogate', msg: 'The file name is not valid Unicode.' };
  if (/[/\\]/.test(clean) || /^\.{1,2}$/.test(clean)) {
    return { type: 'path', msg: 'The file name must not be a path.' };
  }
  if (reservedNames.test(clean)) {
    return { type: 'reserved_name', msg: 'The file name is reserved by an operating system.' };
  }
  return null;
}
