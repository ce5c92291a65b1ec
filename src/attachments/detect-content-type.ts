import { isUtf8 } from 'node:buffer';
import { fileTypeFromBuffer } from 'file-type';
import mime from 'mime-types';

const binary = 'application/octet-stream';

/** Containers that many formats are made of: there the extension says which of them it is. */
const families: Record<string, readonly RegExp[]> = {
  'application/zip': [/^application\/.*(\+zip|zip|officedocument|opendocument|java-archive|oebps)/],
  'application/x-cfb': [/^application\/(msword|vnd\.(ms-|visio))/],
  'application/xml': [/^(application|text)\/xml$/, /\+xml$/],
  'application/gzip': [/^application\/.*gzip/],
};

const textLike = [/^text\//, /^application\/(json|xml|javascript|yaml|toml|sql|rtf|x-sh)$/, /\+(json|xml)$/];

/**
 * What a file is, from its first bytes; the name's extension only decides between formats that look alike (kinds of
 * text, and formats inside one container). `head` is up to the first 4 KiB.
 */
export async function detectContentType(head: Uint8Array, fileName: string): Promise<string> {
  const named = mime.lookup(fileName) || null;
  if (head.length === 0) return named ?? binary;
  const found = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime ?? null;
  if (found) return refine(found, named);
  if (isText(head)) return named && textLike.some((pattern) => pattern.test(named)) ? named : 'text/plain';
  return binary;
}

function refine(found: string, named: string | null): string {
  const allowed = families[found];
  return named && allowed?.some((pattern) => pattern.test(named)) ? named : found;
}

/** UTF-8 (cut anywhere, as `head` may be) without control characters that no text has. */
function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte))) return false;
  return [0, 1, 2, 3].some((cut) => cut <= head.length && isUtf8(head.subarray(0, head.length - cut)));
}
