import { isAscii } from 'node:buffer';

/** Text that bytes may be. */
export interface ReadText {
  /** If the encoding is not known, only ASCII comes out right. */
  text: string;
  /** By its name in the standard of encodings; null where it is not known. */
  charset: string | null;
  /** No name need say that it is text. */
  isSure: boolean;
  /** It has no control characters but those of every text. */
  isPlain: boolean;
}

/** Tab, line feed, form feed, carriage return, and the escape that begins terminal colours. */
const textControls = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);
/** Besides, in texts of old encodings: separators of fields and records, overstriking, the end of a file. */
const rarerControls = new Set([0x01, 0x08, 0x0b, 0x1a, 0x1c, 0x1d, 0x1e, 0x1f]);
/** Texts with more of them than one in so many characters are none. */
const perControl = 4;
/** Bytes of UTF-16 without a mark, for each zero in them. */
const perAscii = 5;
/** Alphabets of a text in UTF-16 without a mark that has less of ASCII. */
const maxAlphabets = 4;

/** A byte order mark that begins with another one comes before it. */
const marks: readonly [string, string][] = [
  ['\xff\xfe\0\0', 'utf-32le'],
  ['\0\0\xfe\xff', 'utf-32be'],
  ['\xff\xfe', 'utf-16le'],
  ['\xfe\xff', 'utf-16be'],
];

/** The text that `head`, which may be cut anywhere, holds; null where it holds none. */
export function readText(head: Buffer): ReadText | null {
  const start = head.toString('latin1', 0, 4);
  const marked = marks.find(([mark]) => start.startsWith(mark))?.[1];
  const charset = marked ?? 'utf-8';
  if (marked === undefined && head.includes(0)) return readUnmarked(head);
  const text = decode(head, charset);
  if (text !== null) return judge(text, charset, true);
  if (marked !== undefined) return null;
  return judge(head.toString('latin1'), null, false);
}

function judge(text: string, charset: string | null, isSure: boolean): ReadText | null {
  let controls = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code >= 0x20 && code !== 0x7f) || textControls.has(code)) continue;
    if (code === 0 || (charset === null && !rarerControls.has(code))) return null;
    controls += 1;
  }
  if (controls * perControl > text.length) return null;
  return { text, charset, isSure: isSure && controls === 0, isPlain: controls === 0 };
}

/** UTF-16 or UTF-32 without a byte order mark, told by its zeros. */
function readUnmarked(head: Buffer): ReadText | null {
  const charset =
    ['utf-32le', 'utf-32be'].find((one) => head.length >= 8 && decode(head, one) !== null) ?? byZeros(head);
  const text = charset === null ? null : decode(head, charset);
  return text === null || text.length < 2 ? null : judge(text, charset, false);
}

/** Most characters are of ASCII, or all are of a few alphabets: then half of the bytes have few values, and zero is one of them. */
function byZeros(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  const [even, odd] = [0, 1].map((first) => {
    const halves = Array.from({ length: head.length >> 1 }, (_, index) => head[2 * index + first] ?? 0);
    return { zeros: halves.filter((byte) => byte === 0).length, values: new Set(halves).size };
  });
  if (even === undefined || odd === undefined || (even.zeros > 0 && odd.zeros > 0)) return null;
  const high = even.zeros > 0 ? even : odd;
  const isAscii = high.zeros * perAscii >= head.length;
  if (!isAscii && (high.values > maxAlphabets || head.length < 8 * maxAlphabets)) return null;
  return high === even ? 'utf-16be' : 'utf-16le';
}

function decode(head: Buffer, charset: string): string | null {
  if (charset === 'utf-8' && isAscii(head)) return head.toString('latin1');
  if (charset.startsWith('utf-32')) return decode32(head, charset === 'utf-32le');
  try {
    return new TextDecoder(charset, { fatal: true }).decode(head, { stream: true });
  } catch {
    return null;
  }
}

function decode32(head: Buffer, isLittle: boolean): string | null {
  const characters: string[] = [];
  for (let at = 0; at + 4 <= head.length; at += 4) {
    const code = isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at);
    if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    if (code !== 0xfeff || at > 0) characters.push(String.fromCodePoint(code));
  }
  return characters.join('');
}

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
