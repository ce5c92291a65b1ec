import { type AttachmentError, fault } from '../errors.js';
import { decodeBase64, type TextPieces, toBytes } from './decode-base64.js';

export interface DataUrl {
  /** In lower case, without parameters. */
  contentType: string;
  /** Decoded as it is read; fails like `decodeBase64`, with offsets that count from behind the comma. */
  content: AsyncIterable<Uint8Array>;
}

/** Characters that may precede the comma. */
export const maxDataUrlHeader = 1024;

const token = "[\\w!#$%&'*+.^`|~-]+";
/** RFC 2397 with a type and `;base64`; a value may be anything visible that does not end it. */
const headerPattern = new RegExp(`^data:(${token}/${token})(?:;${token}=[!-+\\--:<-~]*)*;base64$`, 'i');

/**
 * Reads `data:<type>[;<param>=<value>]*;base64,<content>` up to the comma. Throws INVALID_BASE64 where the content is not
 * said to be base64 (such as percent-encoded text), BAD_USER_INPUT where there is no type or it is no such URL at all.
 */
export async function parseDataUrl(
  text: TextPieces,
  loc: readonly (string | number)[] = ['content'],
): Promise<DataUrl> {
  const pieces = iterate(text);
  try {
    const { header, rest } = await readHeader(pieces, loc);
    return { contentType: readContentType(header, loc), content: decodeBase64(join(rest, pieces), loc) };
  } catch (error) {
    await pieces.return(undefined);
    throw error;
  }
}

type Pieces = AsyncGenerator<Uint8Array | string, void, undefined>;

async function* iterate(text: TextPieces): Pieces {
  yield* text;
}

async function* join(first: Uint8Array, others: Pieces): Pieces {
  yield first;
  yield* others;
}

async function readHeader(
  pieces: Pieces,
  loc: readonly (string | number)[],
): Promise<{ header: string; rest: Buffer }> {
  for (let start = Buffer.alloc(0); ; ) {
    const comma = start.indexOf(',');
    const length = comma === -1 ? start.length : comma;
    if (length > maxDataUrlHeader)
      throw badUrl(loc, `There is no comma within the first ${maxDataUrlHeader + 1} characters.`);
    if (comma !== -1) return { header: start.toString('latin1', 0, comma), rest: start.subarray(comma + 1) };
    const { value, done } = await pieces.next();
    if (done) throw badUrl(loc, 'There is no comma.');
    start = Buffer.concat([start, toBytes(value)]);
  }
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
