import { isUtf8 } from 'node:buffer';
import busboy from 'busboy';
import { decodeHeader, unescapePartName } from './multipart-syntax.js';

/** A part as its headers have it. */
export interface PartHead {
  kind: 'file' | 'field';
  /** Null where it has none. */
  name: string | null;
  /** As sent, path and all; null where the part names none. */
  fileName: string | null;
  /** The Content-Type without parameters; `text/plain` (RFC 7578, 4.4) where it has none. */
  declaredType: string;
  /** The encoding that its bytes are written in, in lower case; null where they come as they are. */
  encoding: string | null;
}

/** Null for headers that are no form-data, or cannot be read. */
export function readPartHead(boundary: string, head: Buffer): PartHead | null {
  const found = parse(boundary, head);
  if (!found) return null;
  const name = found.name === undefined ? null : decodePartName(found.name);
  const { fileName = null, kind, declaredType } = found;
  const isAsSent = fileName === null || isExtendedName(boundary, head, fileName);
  const encoding = encodingOf(head);
  return { kind, name, declaredType, encoding, fileName: isAsSent ? fileName : decodePartName(fileName) };
}

/**
 * The text of a field, in the character set that its headers name, or UTF-8. Empty for bytes that are not of it: they would be
 * replaced, and a name stored that nobody sent.
 */
export function readFieldText(boundary: string, head: Buffer, content: Buffer): string {
  const text = parse(boundary, head, { content })?.text ?? '';
  return text.includes('\ufffd') && !isUtf8(content) ? '' : text;
}

/** Encodings of mail and of HTTP behind which other bytes are meant. */
const encoded =
  /^content-(?:transfer-)?encoding:[ \t]*"?(base64|quoted-printable|x-uuencode|uuencode|x-gzip|gzip|deflate|br|zstd|compress)\b/im;

/** Mail's encodings have no place in a form (RFC 7578, 4.7), but curl writes them if it is told to. */
function encodingOf(head: Buffer): string | null {
  const unfolded = head.toString('latin1').replace(/\r\n[ \t]+/g, ' ');
  return encoded.exec(unfolded)?.[1]?.toLowerCase() ?? null;
}

interface Parsed {
  kind: 'file' | 'field';
  name: string | undefined;
  fileName?: string | undefined;
  declaredType: string;
  text?: string;
}

const noContent: Buffer = Buffer.alloc(0);

/** A form of this part alone, by busboy, which tells of it before `write` returns. */
function parse(
  boundary: string,
  head: Buffer,
  { content = noContent, charset = 'latin1' } = {},
): Parsed | null {
  const found: Parsed[] = [];
  const parser = busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    // Latin-1 has each byte as a character, for `decodePartName`.
    defParamCharset: charset,
    preservePath: true,
    limits: { fieldSize: content.length + 1 },
  });
  parser
    .on('error', ignore)
    .on('field', (name: string | undefined, text, { mimeType: declaredType }) =>
      found.push({ kind: 'field', name, text, declaredType }),
    )
    .on('file', (name: string | undefined, stream, { filename: fileName, mimeType: declaredType }) => {
      stream.on('error', ignore).resume();
      found.push({ kind: 'file', name, fileName, declaredType });
    });
  const [first, last] = [`--${boundary}\r\n`, `\r\n--${boundary}--`].map((text) =>
    Buffer.from(text, 'latin1'),
  );
  parser.write(Buffer.concat([first, head, Buffer.from('\r\n\r\n'), content, last] as Buffer[]));
  parser.destroy();
  return found[0] ?? null;
}

/** The text of a parameter of a part's header, with each byte of it as a character. */
function decodePartName(bytes: string): string {
  return unescapePartName(decodeHeader(bytes));
}

/**
 * Whether the file name that busboy has read has the form which says its character set and is escaped on its own (RFC 8187). Such a
 * name is the same if the others are read in another way, and no other is: as base64 it is longer.
 */
function isExtendedName(boundary: string, head: Buffer, fileName: string): boolean {
  if (!/filename\*=/i.test(head.toString('latin1'))) return false;
  return parse(boundary, head, { charset: 'base64' })?.fileName === fileName;
}

function ignore(): void {}
