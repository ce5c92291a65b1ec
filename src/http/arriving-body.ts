import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AttachmentError, fault } from '../errors.js';
import { type PaceLimits, PaceWatch } from '../limits/pace.js';
import { encodingOf } from './admit-request.js';

export interface ArrivalLimits extends PaceLimits {
  /** In bytes. */
  maxSize: number;
  /** The beginning of a body, or all of a short one, must have come by then. */
  operationsTimeoutMs: number;
}

/** After so many bytes a body is no mere operation: from then on its client must keep up a pace. */
export const maxOperation = 256 * 1024;

/** After so many bytes the memory for a body is asked for. Whoever may not bring content may send no more. */
export const maxSmallBody = 1024 * 1024;

/**
 * The body of a request as it arrives, inflated if it is encoded; its size is that of what comes out. Fails with REQUEST_TOO_LARGE past its size, also by what the client declares, with
 * BAD_USER_INPUT of the type `timeout` or `client_aborted`, or with what `onLarge` throws. The request is not destroyed.
 */
export class ArrivingBody extends Transform {
  readonly #source: IncomingMessage;
  readonly #limits: ArrivalLimits;
  readonly #onLarge: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #inflater: Inflater | null;
  #pace: PaceWatch | null = null;
  #size = 0;

  /** `onLarge` is called once, when the body turns out to be no small one. */
  constructor(source: IncomingMessage, limits: ArrivalLimits, onLarge: () => void) {
    super();
    this.#source = source;
    this.#limits = limits;
    this.#onLarge = onLarge;
    this.#inflater = createInflater(source);
    this.#timer = setTimeout(this.#onTooSlow, limits.operationsTimeoutMs);
    // Whoever reads it hears of a fault; where nobody does, the answer is on its way already.
    this.on('error', () => {});
    source.on('error', this.#onClose).once('close', this.#onClose);
    if (source.destroyed) this.#onClose();
    else if (Number(source.headers['content-length'] ?? 0) > limits.maxSize) this.destroy(this.#tooLarge());
    else this.#begin();
  }

  /** The bytes that came over the wire, for Fastify, which compares them with what was declared. */
  get receivedEncodedLength(): number {
    return this.#inflater?.bytesWritten ?? this.#size;
  }

  #begin(): void {
    if (!this.#inflater) return void this.#source.pipe(this);
    this.#inflater.on('error', () => this.destroy(notOfEncoding()));
    this.#source.pipe(this.#inflater).pipe(this);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const wasSmall = this.#size <= maxSmallBody;
    this.#size += chunk.length;
    try {
      if (this.#size > this.#limits.maxSize) throw this.#tooLarge();
      if (this.#inflater) assertRatio(this.#inflater, this.#size);
      if (wasSmall && this.#size > maxSmallBody) this.#onLarge();
      if (this.#size > maxOperation) this.#watch().count(chunk.length);
      done(null, chunk);
    } catch (error) {
      done(error instanceof Error ? error : new Error('The body cannot be read.', { cause: error }));
    }
  }

  override _flush(done: TransformCallback): void {
    this.#stop();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stop();
    this.#source.unpipe(this.#inflater ?? this);
    this.#inflater?.destroy();
    done(error);
  }

  #watch(): PaceWatch {
    clearTimeout(this.#timer);
    this.#pace ??= new PaceWatch(this.#limits, this.#onTooSlow);
    return this.#pace;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#pace?.stop();
    this.#source.off('error', this.#onClose).off('close', this.#onClose);
  }

  #tooLarge(): AttachmentError {
    const { maxSize } = this.#limits;
    const msg = `The body may have at most ${maxSize} bytes.`;
    return fault('too_large', ['body'], msg, { message: msg, limit: maxSize });
  }

  readonly #onClose = (): void => {
    if (this.#source.readableEnded) return;
    this.destroy(bodyFault('client_aborted', 'The request ended before its body was complete.'));
  };

  readonly #onTooSlow = (): void => {
    this.destroy(bodyFault('timeout', 'The request arrives too slowly.'));
  };
}

function bodyFault(type: 'client_aborted' | 'timeout', msg: string): AttachmentError {
  return fault(type, ['body'], msg, { code: 'BAD_USER_INPUT', message: msg });
}

/** A stream that decompresses, and tells how many bytes it has taken. */
export type Inflater = ReturnType<typeof createGunzip> | ReturnType<typeof createBrotliDecompress>;

const inflaters: Readonly<Record<string, () => Inflater>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

const accepted = 'gzip, br, deflate';

/** Bytes that a body may inflate to for each of its own, once it is no small one. */
const maxRatio = 100;
const smallSize = 1024 * 1024;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route reads JSON bodies that are compressed. */
    inflatesJson?: boolean;
  }
}

/** A stream for an encoded body; null for one that comes as it is. */
function createInflater(request: IncomingMessage): Inflater | null {
  const encoding = encodingOf(request);
  return encoding === null ? null : (inflaters[encoding]?.() ?? null);
}

/** The refusal of an encoded body before a byte is read, but for JSON of routes that inflate it: no other body is ever taken for plain. */
export function refuseEncoding(request: FastifyRequest, reply: FastifyReply): AttachmentError | undefined {
  const encoding = encodingOf(request.raw);
  if (encoding === null || !hasBody(request) || isInflated(request, encoding)) return undefined;
  const isForJson = request.routeOptions.config.inflatesJson === true;
  if (isForJson) reply.header('accept-encoding', accepted);
  const msg = isForJson
    ? `Only JSON may be encoded here, by one of ${accepted}.`
    : 'The body must come without a Content-Encoding.';
  return fault('content_encoding', ['headers', 'content-encoding'], msg, { message: msg });
}

function isInflated({ routeOptions, headers }: FastifyRequest, encoding: string): boolean {
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '');
  return routeOptions.config.inflatesJson === true && isJson && Object.hasOwn(inflaters, encoding);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Throws for a body that inflates to far more than any text does, once it is no small one. */
function assertRatio({ bytesWritten }: Inflater, inflated: number): void {
  if (inflated <= smallSize || inflated <= maxRatio * bytesWritten) return;
  const msg = `The body inflates to more than ${maxRatio} times its size.`;
  throw fault('too_compressed', ['body'], msg, { message: msg, limit: maxRatio });
}

/** The fault of a body that is not of its encoding, or is cut off. */
function notOfEncoding(): AttachmentError {
  const msg = 'The body is not of its Content-Encoding.';
  return fault('encoding_invalid', ['body'], msg, { message: msg });
}
