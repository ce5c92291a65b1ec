import { assertDecodedSize, decodeBase64, type TextPieces } from './decode-base64.js';
import type { Intake } from './intake.js';
import { parseDataUrl } from './parse-data-url.js';
import { type TakeInDependencies, takeIn } from './take-in.js';

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
 * BAD_USER_INPUT, and whatever `takeIn` throws.
 */
export async function takeInText(deps: TakeInDependencies, source: TextSource): Promise<Intake> {
  const { organizationId, encoding, text, maxSize } = source;
  const loc = ['input', 'content', encoding];
  const { contentType, content } =
    encoding === 'dataUrl'
      ? await parseDataUrl(text, loc)
      : { contentType: null, content: decodeBase64(text, loc) };
  const declaredType = contentType;
  const intake = await takeIn(deps, { organizationId, content, maxSize, fileName: null, declaredType });
  return { ...intake, fromDataUrl: encoding === 'dataUrl' };
}

/** As `takeInText`, for a text that is there already: one that must come to too much is refused undecoded. */
export async function takeInWholeText(
  deps: TakeInDependencies,
  { text, ...source }: Omit<TextSource, 'text'> & { text: string },
): Promise<Intake> {
  const comma = source.encoding === 'dataUrl' ? text.indexOf(',') : -1;
  assertDecodedSize(text.length - comma - 1, source.maxSize);
  return takeInText(deps, { ...source, text: [text] });
}
