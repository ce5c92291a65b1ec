import { Readable } from 'node:stream';
import { assertDecodedSize, decodeBase64 } from './decode-base64.js';
import { intakeFromStream, type TakeInDependencies } from './from-stream.js';
import type { Intake } from './intake.js';
import { parseDataUrl } from './parse-data-url.js';

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
export async function intakeFromText(deps: TakeInDependencies, source: TextSource): Promise<Intake> {
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
