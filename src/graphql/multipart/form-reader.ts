import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { AttachmentError } from '../../errors.js';
import { PaceWatch } from '../../limits/pace.js';
import {
  encodedPart,
  type MultipartLimits,
  maxPartHeaderSize,
  multipartFault,
  readBoundary,
  requestTooLarge,
  tooManyFiles,
} from './multipart-syntax.js';
import { PartScan, type PartSink } from './part-scan.js';
import { type PartHead, readFieldText, readPartHead } from './read-part.js';

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
/** Bytes of files that are held until they are read. */
const fileBufferSize = 256 * 1024;
/** One above the two there should be, so that the third can be named. */
const maxFields = 3;

/** The part whose content is being read. */
interface OpenPart {
  take(bytes: Buffer): void;
  end(): void;
}

/**
 * Reads the body of a request no faster than the parts are read, and hands the parts out in the order of the wire. Whatever goes
 * wrong on the way ends in `fail`, which stops everything at once.
 */
export class FormReader {
  /** Why the form as such failed; null while it has not. */
  failure: AttachmentError | null = null;
  readonly #request: IncomingMessage;
  readonly #limits: MultipartLimits;
  readonly #boundary: string;
  readonly #scan: PartScan;
  readonly #pace: PaceWatch;
  readonly #operationsTimer: NodeJS.Timeout;
  /** Holds a few parts at most: their number is bounded. */
  readonly #parts = new Readable({ objectMode: true, read() {} }).on('error', ignore);
  readonly #nextParts: AsyncIterator<Part> = this.#parts[Symbol.asyncIterator]();
  readonly #files: Readable[] = [];
  #open: OpenPart | null = null;
  #fieldCount = 0;
  #byteCount = 0;
  /** The file that is waited for: those that have come hold as much as they may for now. */
  #full: Readable | null = null;
  #closed = false;

  constructor(request: IncomingMessage, limits: MultipartLimits) {
    this.#request = request;
    this.#limits = limits;
    this.#boundary = readBoundary(request.headers['content-type']);
    this.#scan = new PartScan(this.#boundary, this.#sink);
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
  }

  #fail(error: AttachmentError): void {
    if (this.#closed) return;
    this.failure = error;
    this.close();
  }

  #listen(): void {
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
    else this.#scan.push(chunk);
    this.#checkFieldSize();
    this.#checkRoom();
  };

  /** Does not wait for the end of an endless field. */
  #checkFieldSize(): void {
    const { maxOperationsSize, maxMapSize } = this.#limits;
    const size = this.#byteCount - framingAllowance;
    if (this.#fieldCount === 0 && size > maxOperationsSize)
      this.#fail(requestTooLarge('operations', maxOperationsSize));
    if (this.#fieldCount === 1 && size > maxOperationsSize + maxMapSize)
      this.#fail(requestTooLarge('map', maxMapSize));
  }

  readonly #sink: PartSink = {
    onHead: (head, contentStart) => {
      if (this.#closed) return;
      const part = readPartHead(this.#boundary, head);
      const { name = null } = part ?? {};
      if (part === null) this.#fail(brokenHeaders());
      else if (name === null) this.#fail(namelessPart());
      else if (part.encoding !== null) this.#fail(encodedPart(name, part.encoding));
      else if (part.kind === 'field') this.#open = this.#openField(name, head);
      else this.#open = this.#openFile(name, part, contentStart);
    },
    onContent: (bytes) => {
      if (!this.#closed) this.#open?.take(bytes);
    },
    onEnd: () => {
      if (!this.#closed) this.#open?.end();
    },
    onFault: (fault) => this.#fail(fault === 'boundary' ? brokenDelimiter() : brokenHeaders()),
  };

  #openField(name: string, head: Buffer): OpenPart | null {
    if (this.#fieldCount === maxFields) this.#fail(tooManyFields());
    const maxSize = Math.max(this.#limits.maxOperationsSize, this.#limits.maxMapSize);
    const pieces: Buffer[] = [];
    let size = 0;
    return {
      take: (bytes) => {
        size += bytes.length;
        if (size <= maxSize) pieces.push(bytes);
      },
      end: () => {
        this.#fieldCount += 1;
        if (this.#fieldCount === 2) clearTimeout(this.#operationsTimer);
        const cut = size > maxSize;
        const text = cut ? '' : readFieldText(this.#boundary, head, Buffer.concat(pieces));
        this.#parts.push({ kind: 'field', name, text, cut } satisfies Part);
      },
    };
  }

  #openFile(name: string, { fileName, declaredType }: PartHead, contentStart: number): OpenPart | null {
    if (this.#files.length === this.#limits.maxFiles) this.#fail(tooManyFiles(this.#limits.maxFiles));
    if (this.#closed) return null;
    const goOn = () => this.#goOn(stream);
    // Once it is at its end, it is not asked for more.
    const stream = new Readable({ highWaterMark: fileBufferSize, read: goOn })
      .on('end', goOn)
      .on('error', ignore);
    this.#files.push(stream);
    const length = Number(this.#request.headers['content-length'] ?? Number.NaN);
    const rest = Number.isNaN(length) ? null : this.#scan.restOf(contentStart, length);
    const file = { stream, rest, fileName, declaredType };
    this.#parts.push({ kind: 'file', name, file } satisfies Part);
    return { take: (bytes) => stream.push(bytes), end: () => stream.push(null) };
  }

  /** The files that wait are read in turn: the first one makes room. */
  #checkRoom(): void {
    if (this.#full || this.#closed) return;
    const waiting = this.#files.filter(({ readableLength }) => readableLength > 0);
    const size = waiting.reduce((sum, { readableLength }) => sum + readableLength, 0);
    if (size < fileBufferSize) return;
    this.#full = waiting[0] ?? null;
    this.#request.pause();
    this.#pace.pause();
  }

  #goOn(file: Readable): void {
    if (this.#full !== file || this.#closed) return;
    this.#full = null;
    this.#pace.resume();
    this.#request.resume();
  }

  /** Files may still be on their way to their reader. */
  readonly #onEnd = (): void => {
    this.#pace.stop();
    if (this.#scan.isClosed) this.#parts.push(null);
    else this.#fail(multipartFault([], 'body_truncated', 'The closing boundary is missing.'));
  };

  readonly #onAbort = (): void => {
    if (!this.#request.readableEnded) this.#fail(incompleteBody());
  };

  readonly #onTooSlow = (): void => {
    this.#fail(multipartFault([], 'timeout', 'The request arrives too slowly.'));
  };
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
