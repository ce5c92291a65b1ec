import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { cutText } from '../cut-text.js';

/** A signed URL's query is as good as a credential, however its question mark is written. */
const queryStart = /\?|%3f/i;

/** Characters of a path, which may have thousands. */
const maxPath = 500;

/** Keys, and runs as long as signatures are: a path may be a mistaken one. */
const secretLike = /cck_[\w-]+|[\w-]{40,}/g;

/** Writes one line for every answer, and one for an answer that could not be sent to its end. */
export class RequestLog extends LogController {
  override incomingRequest(): void {
    // The answer's line says all that is known of a request.
  }

  override requestCompleted(_error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { statusCode: status, elapsedTime } = reply;
    request.log.info({ ...loggedRequest(request), status, ms: Math.round(elapsedTime) }, 'answered');
  }

  override streamError(err: Error, request: FastifyRequest): void {
    if (request.socket.destroyed) request.log.info(loggedRequest(request), 'the client has gone');
    else request.log.error({ ...loggedRequest(request), err }, 'the answer is cut off');
  }
}

/** What of a request may be logged. Behind /uploads/ comes a token. */
export function loggedRequest({ method, originalUrl }: FastifyRequest) {
  const [path = ''] = originalUrl.split(queryStart, 1);
  const shown = path.replace(/(\/uploads\/).*/, '$1').replace(secretLike, '…');
  return { method, path: cutText(shown, maxPath) };
}
