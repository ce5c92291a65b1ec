import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import busboy from 'busboy';
import type { AttachmentError } from '../../errors.js';
import { PaceWatch } from '../../limits/pace.js';
import {
  DelimiterScan,
  decodePartName,
  type MultipartLimits,
  maxPartHeaderSize,
  multipartFault,
  readBoundary,
  requestTooLarge,
  tooManyFiles,
} from './multipart-syntax.js';

/** A file part on its way in. */
export interface IncomingFile {
  /** To be read to its end, or to be given up by throwing. Fails when the request does. */
  readonly stream: Readable;
  /** All of its bytes, if they are there already: then nobody need read the stream. */
  readonly whole?: Buffer;
  /** Bytes from its first one to the end of the form, if they are known. */
  readonly rest?: number | null;
  /** As sent, path and all; null where the part names none. */
  fileName: string | null;
  /** The part's Content-Type without parameters; `text/plain` (RFC 7578, 4.4) where it has none. */
  declaredType: string;
}

export type Part =
  | { kind: 'field'; name: string; text: string; cut: boolean }
  | { kind: 'file'; name: string; file: IncomingFile };

/** Bytes for the preamble and the headers of the first two parts, which count as neither operations nor map. */
const framingAllowance = 64 * 1024;
const fileBufferSize = 256 * 1024;

/**
 * Feeds the body of a request to the parser, no faster than the parts are read, and hands the parts out in the order of the
 * wire. Whatever goes wrong on the way ends in `fail`, which stops everything at once.
 */
export class FormReader {
  /** Why the form as such failed; null while it has not. */
  failure: AttachmentError | null = null;
  readonly #request: IncomingMessage;
  readonly #limits: MultipartLimits;
  readonly #delimiters: DelimiterScan;
  readonly #parser: busboy.Busboy;
  readonly #pace: PaceWatch;
  readonly #operationsTimer: NodeJS.Timeout;
  /** Holds a few parts at most: the parser bounds their number. */
  readonly #parts = new Readable({ objectMode: true, read() {} }).on('error', ignore);
  readonly #nextParts: AsyncIterator<Part> = this.#parts[Symbol.asyncIterator]();
  readonly #files: Readable[] = [];
  #fieldCount = 0;
  #byteCount = 0;
  #closed = false;

  constructor(request: IncomingMessage, limits: MultipartLimits) {
    const boundary = readBoundary(request.headers['content-type']);
    this.#request = request;
    this.#limits = limits;
    this.#delimiters = new DelimiterScan(boundary);
    this.#parser = createParser(boundary, limits);
    this.#pace = new PaceWatch(limits, this.#onTooSlow);
    this.#operationsTimer = setTimeout(this.#onTooSlow, limits.operationsTimeoutMs);
    this.#listen();
  }

  /** The next part, null after the last one. */
  async next(): Promise<Part | null> {
    const { value, done } = await this.#nextParts.next();
    if (this.failure !== null) throw this.failure;
    return done === true ? null : value;
  }

  /** Stops reading and lets the request go, with whatever is still unread in it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#operationsTimer);
    this.#pace.stop();
    this.#request.off('data', this.#onData).off('end', this.#onEnd);
    this.#request.off('error', this.#onAbort).off('close', this.#onAbort);
    this.#request.pause();
    const error = this.failure ?? undefined;
    for (const file of this.#files) file.destroy(error);
    this.#parts.destroy(error);
    this.#parser.removeAllListeners().on('error', ignore).destroy(error);
  }

  #fail(error: AttachmentError): void {
    if (this.#closed) return;
    this.failure = error;
    this.close();
  }

  #listen(): void {
    this.#parser
      .on('field', this.#onField)
      .on('file', this.#onFile)
      .on('finish', () => this.#parts.push(null))
      .on('error', () => this.#fail(brokenHeaders()))
      .on('filesLimit', () => this.#fail(tooManyFiles(this.#limits.maxFiles)))
      .on('fieldsLimit', () => this.#fail(tooManyFields()));
    if (this.#request.destroyed || this.#request.readableEnded) this.#fail(incompleteBody());
    else
      this.#request
        .on('end', this.#onEnd)
        .on('error', this.#onAbort)
        .on('close', this.#onAbort)
        .on('data', this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#byteCount += chunk.length;
    this.#pace.count(chunk.length);
    const { maxRequestSize } = this.#limits;
    if (this.#byteCount > maxRequestSize) this.#fail(requestTooLarge(null, maxRequestSize));
    else this.#parse(this.#delimiters.push(chunk));
    this.#checkFieldSize();
  };

  #parse(bytes: Buffer | null): void {
    if (bytes === null) this.#fail(brokenDelimiter());
    else if (bytes.length > 0 && !this.#parser.write(bytes)) this.#waitForParser();
  }

  #waitForParser(): void {
    if (this.#closed) return;
    this.#request.pause();
    this.#pace.pause();
    this.#parser.once('drain', () => {
      this.#pace.resume();
      this.#request.resume();
    });
  }

  /** Does not wait for the end of an endless field: the parser reports a field only once it is over. */
  #checkFieldSize(): void {
    const { maxOperationsSize, maxMapSize } = this.#limits;
    const size = this.#byteCount - framingAllowance;
    if (this.#fieldCount === 0 && size > maxOperationsSize)
      this.#fail(requestTooLarge('operations', maxOperationsSize));
    if (this.#fieldCount === 1 && size > maxOperationsSize + maxMapSize)
      this.#fail(requestTooLarge('map', maxMapSize));
  }

  readonly #onField = (name: string | undefined, text: string, info: busboy.FieldInfo): void => {
    this.#fieldCount += 1;
    if (this.#fieldCount === 2) clearTimeout(this.#operationsTimer);
    if (name === undefined) this.#fail(namelessPart());
    else {
      const part = { kind: 'field', name: decodePartName(name), text, cut: info.valueTruncated } as const;
      this.#parts.push(part satisfies Part);
    }
  };

  readonly #onFile = (name: string | undefined, stream: Readable, info: busboy.FileInfo): void => {
    stream.on('error', ignore);
    const number = this.#fieldCount + this.#files.length;
    this.#files.push(stream);
    const length = Number(this.#request.headers['content-length'] ?? Number.NaN);
    const rest = Number.isNaN(length) ? null : this.#delimiters.restOf(number, length);
    const file = { stream, rest, fileName: this.#nameOf(info, number), declaredType: info.mimeType };
    if (name === undefined) this.#fail(namelessPart());
    else this.#parts.push({ kind: 'file', name: decodePartName(name), file } satisfies Part);
  };

  #nameOf({ filename }: Partial<busboy.FileInfo>, part: number): string | null {
    if (filename === undefined || this.#delimiters.hasExtendedName(part)) return filename ?? null;
    return decodePartName(filename);
  }

  /** The parser has seen every byte by now, but files may still be on their way to their reader. */
  readonly #onEnd = (): void => {
    this.#pace.stop();
    const seen = this.#fieldCount + this.#files.length;
    if (!this.#delimiters.closed)
      this.#fail(multipartFault([], 'body_truncated', 'The closing boundary is missing.'));
    // A parser that has lost a part may have lost the end of a file too, and would never finish.
    else if (seen !== this.#delimiters.partCount) this.#fail(brokenHeaders());
    else this.#parser.end();
  };

  readonly #onAbort = (): void => {
    if (!this.#request.readableEnded) this.#fail(incompleteBody());
  };

  readonly #onTooSlow = (): void => {
    this.#fail(multipartFault([], 'timeout', 'The request arrives too slowly.'));
  };
}

function createParser(boundary: string, limits: MultipartLimits): busboy.Busboy {
  return busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    // Each byte as a character, for `decodePartName`.
    defParamCharset: 'latin1',
    preservePath: true,
    fileHwm: fileBufferSize,
    limits: {
      // One above what is allowed: the parser calls a field cut that just fills its limit.
      fieldSize: Math.max(limits.maxOperationsSize, limits.maxMapSize) + 1,
      // One above the two there should be, so that the third can be named.
      fields: 3,
      files: limits.maxFiles,
    },
  });
}

function brokenHeaders(): AttachmentError {
  const msg = `A part has no readable form-data headers, or more than ${maxPartHeaderSize} bytes of them.`;
  return multipartFault([], 'part_headers', msg, maxPartHeaderSize);
}

function incompleteBody(): AttachmentError {
  return multipartFault([], 'client_aborted', 'The request ended before its body was complete.');
}

function brokenDelimiter(): AttachmentError {
  return multipartFault([], 'boundary', 'A boundary is followed by something other than a line end.');
}

function namelessPart(): AttachmentError {
  return multipartFault([], 'name_missing', 'A part has no name.');
}

function tooManyFields(): AttachmentError {
  return multipartFault([], 'part_unexpected', 'Only "operations" and "map" may be fields.');
}

function ignore(): void {}
