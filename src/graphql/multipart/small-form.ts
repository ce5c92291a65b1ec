import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IncomingFile, Part } from './form-reader.js';
import { readBoundary, unescapePartName } from './multipart-syntax.js';

/** A longer body is read as it arrives. */
const maxSmallForm = 128 * 1024;
/** Turns of the event loop in which a body may come: the network brings 64 KiB in each. */
const maxTurns = 4;
/** A longer part header is unusual. */
const maxHeaderLength = 1_024;

const [carriageReturn, lineFeed, hyphen] = Buffer.from('\r\n-');

/** A file of which all bytes are there. */
class WholeFile implements IncomingFile {
  readonly whole: Buffer;
  readonly fileName: string | null;
  readonly declaredType: string;

  constructor(whole: Buffer, fileName: string | null, declaredType: string) {
    this.whole = whole;
    this.fileName = fileName;
    this.declaredType = declaredType;
  }

  get stream(): Readable {
    return Readable.from([this.whole], { objectMode: false });
  }
}

/** The parts of a form that has come as a whole, in the order of the wire. */
export class SmallForm {
  readonly failure = null;
  readonly #parts: Part[];

  private constructor(parts: Part[]) {
    this.#parts = parts;
  }

  /**
   * Takes a form in its usual spelling whose body arrives within a few turns of the event loop: `operations`, `map` and one
   * file, as browsers, undici, curl and apollo-upload-client write them. Null for any other, whose bytes are all left in the
   * request. Throws INVALID_MULTIPART for a Content-Type that no form has.
   */
  static async take(request: IncomingMessage): Promise<SmallForm | null> {
    const boundary = readBoundary(request.headers['content-type']);
    const size = Number(request.headers['content-length'] ?? 0);
    if (!(size > 0 && size <= maxSmallForm) || request.headers['transfer-encoding'] !== undefined)
      return null;
    const body = await readSoon(request);
    if (request.destroyed) return null;
    const parts = body.length === size ? readParts(body, boundary) : null;
    if (parts) request.resume();
    else if (body.length > 0) request.unshift(body);
    return parts && new SmallForm(parts);
  }

  async next(): Promise<Part | null> {
    return this.#parts.shift() ?? null;
  }

  close(): void {}
}

/** As much of a body as comes within a few turns. */
async function readSoon(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let turns = 0; ; turns += 1) {
    // Makes room in the request, which takes no more than 64 KiB otherwise. From version 26 on Node reads one piece at a time.
    let piece: Buffer | null;
    do {
      piece = request.read();
      if (piece) pieces.push(piece);
    } while (piece && request.readableLength > 0);
    // Once all is taken, the next turn would end the stream, and nothing could be put back.
    if (request.complete || turns === maxTurns || request.destroyed) break;
    await nextTurn();
  }
  const [first] = pieces;
  return first && pieces.length === 1 ? first : Buffer.concat(pieces);
}

interface RawPart {
  header: string;
  content: Buffer;
}

function readParts(body: Buffer, boundary: string): Part[] | null {
  const raw = cut(body, Buffer.from(`\r\n--${boundary}`, 'latin1'));
  if (raw?.length !== 3) return null;
  const [operations, map, file] = [toField(raw[0], 'operations'), toField(raw[1], 'map'), toFile(raw[2])];
  return operations && map && file ? [operations, map, file] : null;
}

/** The parts between delimiters, three at most; null unless every byte of the body is in its usual place. */
function cut(body: Buffer, delimiter: Buffer): RawPart[] | null {
  const first = delimiter.length - 2;
  if (body.length < first || delimiter.compare(body, 0, first, 2) !== 0) return null;
  const parts: RawPart[] = [];
  for (let at = first; parts.length <= 3; ) {
    if (body[at] === hyphen) return isEnd(body, at) ? parts : null;
    if (body[at] !== carriageReturn || body[at + 1] !== lineFeed) return null;
    const headerEnd = body.indexOf('\r\n\r\n', at + 2);
    if (headerEnd === -1 || headerEnd - at > maxHeaderLength) return null;
    // The line end of an empty header may be that of the delimiter.
    const end = body.indexOf(delimiter, headerEnd + 2);
    if (end === -1 || end < headerEnd + 4) return null;
    parts.push({
      header: body.toString('utf8', at + 2, headerEnd),
      content: body.subarray(headerEnd + 4, end),
    });
    at = end + delimiter.length;
  }
  return null;
}

/** Whether the closing hyphens, and at most one line end, are all that is left. */
function isEnd(body: Buffer, at: number): boolean {
  const rest = body.toString('latin1', at);
  return rest === '--' || rest === '--\r\n';
}

function toField(raw: RawPart | undefined, name: 'operations' | 'map'): Part | null {
  if (raw?.header !== `Content-Disposition: form-data; name="${name}"`) return null;
  const text = raw.content.toString('utf8');
  return isUsualText(text) ? { kind: 'field', name, text, cut: false } : null;
}

const token = '[a-z0-9!#$&^_.+-]+';
const fileHeader = new RegExp(
  `^Content-Disposition: form-data; name="([\\w.-]{1,100})"; filename="([^"\\\\\\x00-\\x1f\\x7f]+)"(?:\\r\\nContent-Type: (${token}/${token}))?$`,
  'i',
);

function toFile(raw: RawPart | undefined): Part | null {
  const [, name, fileName, type = 'text/plain'] = fileHeader.exec(raw?.header ?? '') ?? [];
  if (!raw || name === undefined || fileName === undefined || !isUsualText(fileName)) return null;
  const file = new WholeFile(raw.content, unescapePartName(fileName), type.toLowerCase());
  return { kind: 'file', name, file };
}

/** Text that every decoder reads alike: it begins with no mark of its byte order, and no part of it is replaced. */
function isUsualText(text: string): boolean {
  return !text.startsWith('\ufeff') && !text.includes('\ufffd');
}
