import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AttachmentError, challenge, errorExtensions, timeoutFault, toAttachmentError } from '../errors.js';
import { drainRequest, shortDrainBounds } from './drain-request.js';

/** What Fastify itself refuses, in our words. */
const translations: Record<string, (error: FastifyError, limit: number) => AttachmentError> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (_, limit) => {
    const msg = `The body may have at most ${limit} bytes.`;
    return new AttachmentError('REQUEST_TOO_LARGE', {
      limit,
      details: [{ loc: ['body'], msg, type: 'too_large' }],
    });
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    badBody('The body must be JSON or a multipart request.', 'media_type'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => badBody('The body is not valid JSON.', 'json_invalid'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => badBody('The body is empty.', 'json_invalid'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => badBody('The body is not as long as declared.', 'content_length'),
};

function badBody(msg: string, type: string): AttachmentError {
  return new AttachmentError('BAD_USER_INPUT', { message: msg, details: [{ loc: ['body'], msg, type }] });
}

/** Every route answers a fault alike: `{ errors: [{ message, extensions }] }`, as GraphQL does. */
export function registerErrorHandler(server: FastifyInstance): void {
  server.setNotFoundHandler(() => {
    throw new AttachmentError('NOT_FOUND');
  });
  server.setErrorHandler<FastifyError | AttachmentError>(async (thrown, request, reply) =>
    answerError(thrown, request, reply),
  );
}

export function answerError(
  thrown: FastifyError | AttachmentError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = toClientError(thrown, request.routeOptions.bodyLimit ?? 0);
  if (error.status >= 500) request.log.error({ err: error.cause ?? thrown }, error.message);
  const isTooSlow = error.details.some(({ type }) => type === timeoutFault);
  settleConnection(isTooSlow, request, reply);
  if (error.status === 401) reply.header('www-authenticate', challenge);
  return reply
    .code(isTooSlow ? 408 : error.status)
    .type('application/json; charset=utf-8')
    .send({ errors: [{ message: error.message, extensions: errorExtensions(error) }] });
}

/**
 * Fastify closes connections whose body was not read; ours go on, since the rest of the body is drained (see server.ts). Only
 * a client that sends too slowly is cut off.
 */
function settleConnection(isTooSlow: boolean, { raw }: FastifyRequest, reply: FastifyReply): void {
  if (isTooSlow) {
    reply.header('connection', 'close');
    void drainRequest(raw, shortDrainBounds);
  } else {
    reply.removeHeader('connection');
  }
}

function toClientError(thrown: FastifyError | AttachmentError, bodyLimit: number): AttachmentError {
  if (thrown instanceof AttachmentError) return thrown;
  const translate = translations[thrown.code];
  if (translate) return translate(thrown, bodyLimit);
  const isClients = thrown.statusCode !== undefined && thrown.statusCode < 500;
  return isClients ? badBody('The request is not valid.', 'bad_request') : toAttachmentError(thrown);
}
