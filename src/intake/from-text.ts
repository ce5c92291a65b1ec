import { Readable } from 'node:stream';
import { type AttachmentError, fault } from '../errors.js';
import { assertDecodedSize, decodeBase64Text, linesOf, unfoldedLength } from './decode-base64.js';
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
  /** Whether a data URL is taken as what it is where base64 should be. */
  takesDataUrl: boolean;
}

/**
 * Takes in content that comes as text, slice by slice. Throws FILE_TOO_LARGE, by its length alone, before a character is
 * decoded; INVALID_BASE64; for a data URL BAD_USER_INPUT; and whatever `intakeFromStream` throws.
 */
export async function intakeFromText(deps: IntakeDependencies, source: TextSource): Promise<Intake> {
  const { organizationId, encoding, text, maxSize } = source;
  const loc = ['input', 'content', encoding];
  const fromDataUrl = /^data:/i.test(text) || encoding === 'dataUrl';
  if (fromDataUrl && encoding === 'base64' && !source.takesDataUrl) throw dataUrlGiven(loc);
  const start = fromDataUrl ? text.indexOf(',') + 1 : 0;
  const lines = linesOf(text, start);
  assertDecodedSize(lines ? unfoldedLength(text.length - start, lines) : text.length - start, maxSize);
  const { contentType: declaredType, base64 } = fromDataUrl
    ? parseDataUrl(text, loc)
    : { contentType: null, base64: text };
  const content = Readable.from(decodeBase64Text(base64, loc), { objectMode: false });
  const intake = await intakeFromStream(deps, {
    organizationId,
    content,
    maxSize,
    fileName: null,
    declaredType,
    toldSize: decodedSize(base64),
  });
  return { ...intake, fromDataUrl: fromDataUrl ? encoding : null };
}

/** Bytes that a text without line ends stands for; of one that is not valid, at most about so many. */
function decodedSize(base64: string): number {
  const lines = linesOf(base64);
  const length = lines ? unfoldedLength(base64.length, lines) : base64.length;
  const padding = /={0,2}$/.exec(base64.slice(-2))?.[0].length ?? 0;
  return Math.floor(((length - padding) * 3) / 4);
}

function dataUrlGiven(loc: string[]): AttachmentError {
  const msg =
    'This is a data URL: give it as content.dataUrl, or what is behind its comma as content.base64.';
  return fault('data_url_given', loc, msg);
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
  /** In lower case, without parameters; null if it says none, as browsers write it of files whose type they do not know. */
  contentType: string | null;
  /** The base64 text behind the comma, unchecked. */
  base64: string;
}

/** Characters that may precede the comma. */
export const maxDataUrlHeader = 1024;

const typePattern = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;
const controls = /\p{Cc}/u;

/**
 * Takes `data:[<type>][;<param>]*;base64,<content>` apart, as browsers do: the first comma ends its header, whatever is quoted,
 * space around `;` means nothing, and a parameter may be anything. Throws INVALID_BASE64 where the content is not said to be base64
 * (such as percent-encoded text), BAD_USER_INPUT where the type is none or it is no such URL at all.
 */
export function parseDataUrl(text: string, loc: readonly (string | number)[] = ['content']): DataUrl {
  const start = text.slice(0, maxDataUrlHeader + 1);
  const comma = start.indexOf(',');
  if (comma === -1 && text.length > maxDataUrlHeader)
    throw badUrl(loc, `There is no comma within the first ${maxDataUrlHeader + 1} characters.`);
  if (comma === -1) throw badUrl(loc, 'There is no comma.');
  return { contentType: readContentType(start.slice(0, comma), loc), base64: text.slice(comma + 1) };
}

function readContentType(header: string, loc: readonly (string | number)[]): string | null {
  if (!/^data:/i.test(header) || controls.test(header)) throw malformed(loc);
  const said = header.slice('data:'.length).trim();
  const marker = said.lastIndexOf(';');
  if (
    marker === -1 ||
    said
      .slice(marker + 1)
      .trim()
      .toLowerCase() !== 'base64'
  )
    throw notBase64(loc);
  const [type = ''] = said.slice(0, marker).split(';', 1);
  if (type.trim() === '') return null;
  if (!typePattern.test(type.trim())) throw malformed(loc);
  return type.trim().toLowerCase();
}

const malformed = (loc: readonly (string | number)[]) =>
  badUrl(loc, 'It must begin like "data:image/png;base64,".');

function badUrl(loc: readonly (string | number)[], msg: string): AttachmentError {
  return fault('data_url_invalid', [...loc], msg, { message: 'The data URL is not valid.' });
}

function notBase64(loc: readonly (string | number)[]): AttachmentError {
  return fault('base64_missing', [...loc], 'A data URL must say ";base64" before its comma.');
}
