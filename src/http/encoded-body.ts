import type { IncomingMessage } from 'node:http';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AttachmentError, fault } from '../errors.js';

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

/** The encoding of a request's body; null if it comes as it is. */
export function encodingOf({ headers }: IncomingMessage): string | null {
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase();
  return encoding === '' || encoding === 'identity' ? null : encoding;
}

/** A stream for an encoded body; null for one that comes as it is. */
export function createInflater(request: IncomingMessage): Inflater | null {
  const encoding = encodingOf(request);
  return encoding === null ? null : (inflaters[encoding]?.() ?? null);
}

/** Refuses encoded bodies before a byte is read, but for JSON of routes that inflate it: no other body is ever taken for plain. */
export function refuseEncodedBodies(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    const encoding = encodingOf(request.raw);
    if (encoding === null || !hasBody(request) || isInflated(request, encoding)) return;
    const isForJson = request.routeOptions.config.inflatesJson === true;
    if (isForJson) reply.header('accept-encoding', accepted);
    const msg = isForJson
      ? `Only JSON may be encoded here, by one of ${accepted}.`
      : 'The body must come without a Content-Encoding.';
    throw fault('content_encoding', ['headers', 'content-encoding'], msg, { message: msg });
  });
}

function isInflated({ routeOptions, headers }: FastifyRequest, encoding: string): boolean {
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '');
  return routeOptions.config.inflatesJson === true && isJson && Object.hasOwn(inflaters, encoding);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Throws for a body that inflates to far more than any text does, once it is no small one. */
export function assertRatio({ bytesWritten }: Inflater, inflated: number): void {
  if (inflated <= smallSize || inflated <= maxRatio * bytesWritten) return;
  const msg = `The body inflates to more than ${maxRatio} times its size.`;
  throw fault('too_compressed', ['body'], msg, { message: msg, limit: maxRatio });
}

/** The fault of a body that is not of its encoding, or is cut off. */
export function notOfEncoding(): AttachmentError {
  const msg = 'The body is not of its Content-Encoding.';
  return fault('encoding_invalid', ['body'], msg, { message: msg });
}
