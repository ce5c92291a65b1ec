/** Tab, line feed, form feed, carriage return, and the escape that begins terminal colours. */
const textControls = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

/**
 * The text that `head`, which may be cut anywhere, holds as UTF-8, or as UTF-16 with a byte order mark. Null where it is
 * not that, or has control characters that no text has.
 */
export function readText(head: Uint8Array): string | null {
  try {
    const text = new TextDecoder(encodingOf(head), { fatal: true }).decode(head, { stream: true });
    return hasOnlyTextControls(text) ? text : null;
  } catch {
    return null;
  }
}

/** The same for an unknown encoding of one byte a character: only ASCII comes out right. */
export function readEightBitText(head: Uint8Array): string | null {
  const text = Buffer.from(head).toString('latin1');
  return hasOnlyTextControls(text) ? text : null;
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

function hasOnlyTextControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && !textControls.has(code)) || code === 0x7f) return false;
  }
  return true;
}
