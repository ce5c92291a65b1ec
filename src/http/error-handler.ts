import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { toDatabaseFault } from '../database/database-faults.js';
import {
  AttachmentError,
  challengeOf,
  errorExtensions,
  type FaultTypeOf,
  fault,
  isLogged,
  toAttachmentError,
} from '../errors.js';
import { newId } from '../new-id.js';
import { drainRequest, shortDrainBounds } from './admit-request.js';
import { answerUnderWay } from './answer-under-way.js';

/** Refusals of Fastify itself, by our codes. */
const translations: Record<string, (error: FastifyError, limit: number) => AttachmentError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (_, limit) => {
    const msg = `The body may have at most ${limit} bytes.`;
    return fault('too_large', ['body'], msg, { limit });
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    badBody('The body must be JSON or a multipart request.', 'media_type'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => badBody('The body is not valid JSON.', 'json_invalid'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => badBody('The body is empty.', 'json_invalid'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => badBody('The body is not as long as declared.', 'content_length'),
};

function badBody(msg: string, type: FaultTypeOf<'BAD_USER_INPUT'>): AttachmentError {
  return fault(type, ['body'], msg, { message: msg });
}

const contentType = 'application/json; charset=utf-8';

/** Headers a request may have. */
export const maxHeaderCount = 1000;

/** Retry-After for what is unavailable now. */
const unavailableSeconds = 5;

/** Time that a client may take to notice that its connection ends. */
const lingerMs = 1000;
const ending = new WeakSet<Socket>();

/**
 * Every route answers a fault alike: `{ errors: [{ message, extensions }] }`, as GraphQL does. To be called once the hooks
 * are there that mark every answer.
 */
export function registerErrorHandler(server: FastifyInstance): void {
  // By a bound of its own Node drops headers without a word, be it the credential; later versions say that they are too long.
  server.server.maxHeadersCount = 0;
  server.server
    .removeAllListeners('clientError')
    .on('clientError', (fault: NodeJS.ErrnoException, socket: Socket) =>
      answerClientError(server.log, fault, socket),
    );
  server.setErrorHandler<FastifyError | AttachmentError>(async (thrown, request, reply) =>
    answerError(thrown, request, reply),
  );
}

function answerError(
  thrown: FastifyError | AttachmentError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toClientError(thrown, request.routeOptions.bodyLimit ?? 0);
  if (isLogged(error)) request.log.error({ err: error.cause ?? thrown }, error.message);
  settleConnection(error, request, reply);
  if (error.status === 401) reply.header('www-authenticate', challengeOf(error));
  const retryAfter = error.retryAfterSeconds ?? (error.status === 503 ? unavailableSeconds : undefined);
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  // Caches may keep some refusals by their status alone, such as 404: another process, or a moment later, has what is asked for.
  reply.header('cache-control', 'no-store');
  return reply.code(statusOf(error)).type(contentType).send(bodyOf(error));
}

function bodyOf(error: AttachmentError) {
  return { errors: [{ message: error.message, extensions: errorExtensions(error) }] };
}

const ownStatuses: Readonly<Record<string, number>> = {
  timeout: 408,
  taken_over: 408,
  headers_too_large: 431,
  method_not_allowed: 405,
  content_encoding: 415,
  event_stream_taken: 409,
  share_link_over: 410,
  upload_gone: 410,
  tus_version: 412,
  precondition_failed: 412,
  range_not_satisfiable: 416,
  expectation: 417,
  offset_mismatch: 409,
  offset_stream: 415,
  checksum_mismatch: 460,
  picture_broken: 422,
  picture_too_costly: 422,
};

/** HTTP has words of its own for some faults that are of no kind of ours. */
function statusOf({ details, status }: AttachmentError): number {
  const [fault] = details;
  return ownStatuses[fault?.type ?? ''] ?? status;
}

/**
 * Fastify closes connections whose body was not read; ours go on, since the rest of the body is drained (see server.ts). Only
 * a client that sends too slowly is cut off.
 */
function settleConnection(error: AttachmentError, { raw }: FastifyRequest, reply: FastifyReply): void {
  if (statusOf(error) === 408) {
    reply.header('connection', 'close');
    void drainRequest(raw, shortDrainBounds);
  } else if (reply.hasHeader('connection')) {
    reply.removeHeader('connection');
  }
}

function toClientError(thrown: FastifyError | AttachmentError, bodyLimit: number): AttachmentError {
  if (thrown instanceof AttachmentError) return thrown;
  const fault = toDatabaseFault(thrown);
  if (fault instanceof AttachmentError) return fault;
  const translate = translations[thrown.code];
  if (translate) return translate(thrown, bodyLimit);
  const isClients = thrown.statusCode !== undefined && thrown.statusCode < 500;
  return isClients ? badBody('The request is not valid.', 'bad_request') : toAttachmentError(thrown);
}

export function headersTooLarge(limit: number, unit: 'bytes' | 'lines'): AttachmentError {
  const msg = `The headers may have at most ${limit} ${unit}.`;
  return fault('headers_too_large', ['headers'], msg, { message: msg, limit });
}

/**
 * Answers what is no HTTP, or is too slow to become a request, and ends the connection. An answer under way is cut off, not added to.
 * What came is not logged: there may be a credential in it.
 */
function answerClientError(log: FastifyBaseLogger, fault: NodeJS.ErrnoException, socket: Socket): void {
  if (ending.has(socket) || socket.destroyed) return;
  ending.add(socket);
  if (answerUnderWay(socket)?.headersSent) {
    socket.destroy();
    return;
  }
  const reqId = newId();
  const error = toProtocolError(fault);
  log.info({ reqId, status: statusOf(error), fault: fault.code }, 'answered what is no request');
  endWith(socket, error, reqId);
}

/**
 * Answers a fault on a connection that Fastify has no answer for, and ends it. It is kept for a moment: destroyed with bytes on their way
 * in, it would be reset, and the answer lost.
 */
export function endWith(
  socket: Duplex,
  error: AttachmentError,
  reqId: string,
  headers: readonly string[] = [],
): void {
  if (socket.writable) socket.end(rawAnswer(error, reqId, headers));
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}

function toProtocolError({ code }: NodeJS.ErrnoException): AttachmentError {
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge(maxHeaderSize, 'bytes');
  const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const message = isLate ? 'The request arrives too slowly.' : 'This is not a valid HTTP request.';
  return isLate
    ? fault('timeout', ['headers'], message, { message })
    : fault('http_invalid', ['request'], message, { message });
}

function rawAnswer(error: AttachmentError, reqId: string, headers: readonly string[]): string {
  const status = statusOf(error);
  const body = JSON.stringify(bodyOf(error));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${reqId}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
}
