const signatures: readonly [RegExp, string][] = [
  [/^%PDF-/, 'application/pdf'],
  [/^\{\\rtf/, 'application/rtf'],
  [/^%!PS/, 'application/postscript'],
  [/^BEGIN:VCARD\b/i, 'text/vcard'],
  [/^BEGIN:VCALENDAR\b/i, 'text/calendar'],
  [/^WEBVTT\b/, 'text/vtt'],
];

/** Elements that tell a page where neither a document type nor `<html>` does; browsers go by much the same list. */
const htmlElements = new Set(
  'a b body br div font form h1 head html iframe img link meta p script style table title'.split(' '),
);

/** The type of a text that says what it is in its first words; null where it does not. */
export function recognizeText(text: string): string | null {
  const start = text.trimStart();
  return signatures.find(([signature]) => signature.test(start))?.[1] ?? recognizeMarkup(start);
}

function recognizeMarkup(text: string): string | null {
  const isXml = /^<\?xml\s/.test(text);
  const root = findRoot(text);
  if (root === 'svg') return 'image/svg+xml';
  if (isXml) return root === 'html' ? 'application/xhtml+xml' : 'application/xml';
  return root === '!--' || htmlElements.has(root) ? 'text/html' : null;
}

/** The name of the root element, in lower case and without its prefix; `!--` where there are only comments, '' where no markup is. */
function findRoot(text: string): string {
  const root = text.replace(/^(?:\s|<\?xml[^>]*>|<!--.*?-->)+/s, '');
  const name = /^<(?:!doctype\s+)?(?:[\w.-]+:)?([\w.-]+)(?=[\s/>[])/i.exec(root)?.[1];
  return name?.toLowerCase() ?? (text.startsWith('<!--') ? '!--' : '');
}

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
