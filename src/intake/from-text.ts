import { assertDecodedSize, decodeBase64, InvalidBase64, type TextPieces } from './decode-base64.js';
import { intakeFromStream, type TakeInDependencies } from './from-stream.js';
import type { Intake } from './intake.js';
import { maxDataUrlHeader, parseDataUrl } from './parse-data-url.js';

/** How content is written as text. */
export type TextEncoding = 'base64' | 'dataUrl';

export interface TextSource {
  organizationId: string;
  encoding: TextEncoding;
  text: TextPieces;
  /** In decoded bytes. */
  maxSize: number;
}

/**
 * Takes in content that comes as text, decoding it as it arrives. Throws INVALID_BASE64, FILE_TOO_LARGE, for a data URL
 * BAD_USER_INPUT, and whatever `intakeFromStream` throws.
 */
export async function intakeFromText(deps: TakeInDependencies, source: TextSource): Promise<Intake> {
  const { organizationId, encoding, text, maxSize } = source;
  const loc = ['input', 'content', encoding];
  const { contentType, content } =
    encoding === 'dataUrl'
      ? await parseDataUrl(text, loc)
      : { contentType: null, content: decodeBase64(text, loc) };
  const declaredType = contentType;
  const taking = intakeFromStream(deps, { organizationId, content, maxSize, fileName: null, declaredType });
  const intake = await taking.catch((error: unknown) => {
    if (error instanceof InvalidBase64) error.declaredType = declaredType;
    throw error;
  });
  return { ...intake, fromDataUrl: encoding === 'dataUrl' };
}

/**
 * Throws what a text that could not be taken in is refused with, where its file may have at most `maxSize` bytes. One that is
 * no base64 is FILE_TOO_LARGE if it would come to more: its length tells that without a look at its characters.
 */
export function refuseText(fault: unknown, maxSize: number): never {
  if (fault instanceof InvalidBase64) assertDecodedSize(fault.textLength, maxSize);
  throw fault;
}

/** The media type that a data URL says; null if it is none. */
export async function typeOfDataUrl(text: string): Promise<string | null> {
  const start = text.slice(0, maxDataUrlHeader + 1);
  return parseDataUrl([start]).then(
    ({ contentType }) => contentType,
    () => null,
  );
}

/** As `intakeFromText`, for a text that is there already: one that must come to too much is refused undecoded. */
export async function takeInWholeText(
  deps: TakeInDependencies,
  { text, ...source }: Omit<TextSource, 'text'> & { text: string },
): Promise<Intake> {
  const comma = source.encoding === 'dataUrl' ? text.indexOf(',') : -1;
  assertDecodedSize(text.length - comma - 1, source.maxSize);
  return intakeFromText(deps, { ...source, text: [text] });
}
