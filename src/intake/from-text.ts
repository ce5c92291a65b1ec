import { Readable } from 'node:stream';
import { type AttachmentError, fault } from '../errors.js';
import { assertDecodedSize, decodeBase64 } from './decode-base64.js';
import { type IntakeDependencies, intakeFromStream } from './from-stream.js';
import type { Intake } from './intake.js';

/** How content is written as text. */
export type TextEncoding = 'base64' | 'dataUrl';

export interface TextSource {
  organizationId: string;
  encoding: TextEncoding;
  text: string;
  /** In decoded bytes. */
  maxSize: number;
}

/** Characters that are decoded in one go. */
const sliceLength = 256 * 1024;

/**
 * Takes in content that comes as text, slice by slice. Throws FILE_TOO_LARGE, by its length alone, before a character is
 * decoded; INVALID_BASE64; for a data URL BAD_USER_INPUT; and whatever `intakeFromStream` throws.
 */
export async function intakeFromText(deps: IntakeDependencies, source: TextSource): Promise<Intake> {
  const { organizationId, encoding, text, maxSize } = source;
  const loc = ['input', 'content', encoding];
  const fromDataUrl = encoding === 'dataUrl';
  assertDecodedSize(text.length - (fromDataUrl ? text.indexOf(',') + 1 : 0), maxSize);
  const { contentType: declaredType, base64 } = fromDataUrl
    ? parseDataUrl(text, loc)
    : { contentType: null, base64: text };
  const content = Readable.from(decodeBase64(slicesOf(base64), loc), { objectMode: false });
  const intake = await intakeFromStream(deps, {
    organizationId,
    content,
    maxSize,
    fileName: null,
    declaredType,
  });
  return { ...intake, fromDataUrl };
}

function* slicesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += sliceLength) yield text.slice(at, at + sliceLength);
}

/** The media type that a data URL says; null if it is none. */
export function typeOfDataUrl(text: string): string | null {
  try {
    return parseDataUrl(text).contentType;
  } catch {
    return null;
  }
}

export interface DataUrl {
  /** In lower case, without parameters. */
  contentType: string;
  /** The base64 text behind the comma, unchecked. */
  base64: string;
}

/** Characters that may precede the comma. */
export const maxDataUrlHeader = 1024;

const token = "[\\w!#$%&'*+.^`|~-]+";
/** RFC 2397 with a type and `;base64`; a value may be anything visible that does not end it. */
const headerPattern = new RegExp(`^data:(${token}/${token})(?:;${token}=[!-+\\--:<-~]*)*;base64$`, 'i');

/**
 * Takes `data:<type>[;<param>=<value>]*;base64,<content>` apart. Throws INVALID_BASE64 where the content is not said to be
 * base64 (such as percent-encoded text), BAD_USER_INPUT where there is no type or it is no such URL at all.
 */
export function parseDataUrl(text: string, loc: readonly (string | number)[] = ['content']): DataUrl {
  const start = text.slice(0, maxDataUrlHeader + 1);
  const comma = start.indexOf(',');
  if (comma === -1 && text.length > maxDataUrlHeader)
    throw badUrl(loc, `There is no comma within the first ${maxDataUrlHeader + 1} characters.`);
  if (comma === -1) throw badUrl(loc, 'There is no comma.');
  return { contentType: readContentType(start.slice(0, comma), loc), base64: text.slice(comma + 1) };
}

function readContentType(header: string, loc: readonly (string | number)[]): string {
  const contentType = headerPattern.exec(header)?.[1];
  if (contentType !== undefined) return contentType.toLowerCase();
  if (!/;base64$/i.test(header)) throw notBase64(loc);
  throw badUrl(loc, 'It must begin like "data:image/png;base64,".');
}

function badUrl(loc: readonly (string | number)[], msg: string): AttachmentError {
  return fault('data_url_invalid', [...loc], msg, { message: 'The data URL is not valid.' });
}

function notBase64(loc: readonly (string | number)[]): AttachmentError {
  return fault('base64_missing', [...loc], 'A data URL must say ";base64" before its comma.');
}
