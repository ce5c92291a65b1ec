import { types } from 'node:util';
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { cutText } from '../errors.js';
import { withOriginalLines } from '../original-lines.js';

/** Characters of what is logged, for a client can have a part in its length. */
const maxMessage = 1_000;
const maxStack = 8_000;
const maxOther = 2_000;

/** Causes of causes beyond that are left out. */
const maxCauses = 5;

type LoggedError = {
  type: string;
  message: string;
  stack: string;
  code?: string;
  /** A statement, without its values. */
  query?: string;
  cause?: LoggedError;
};

/**
 * The parts of an error that may be logged: what it is and where it came from, but not its values. A failed statement
 * carries all of its parameters, be it the address of a webhook with a token in it.
 */
export function loggedError(error: unknown, causes = maxCauses): LoggedError {
  if (!types.isNativeError(error))
    return { type: typeof error, message: 'Something that is no error was thrown.', stack: '' };
  const { name, message, stack = '', cause } = error;
  const shortMessage = cutText(message, maxMessage);
  return {
    type: name,
    message: shortMessage,
    stack: withOriginalLines(
      cutText(
        stack.replace(message, () => shortMessage),
        maxStack,
      ),
    ),
    ...textOf(error, 'code'),
    ...textOf(error, 'query'),
    ...(cause === undefined || causes === 0 ? {} : { cause: loggedError(cause, causes - 1) }),
  };
}

function textOf<Name extends 'code' | 'query'>(error: object, name: Name): { [key in Name]?: string } {
  const value: unknown = Reflect.get(error, name);
  const text: { [key in Name]?: string } = {};
  if (typeof value === 'string') text[name] = cutText(value, maxOther);
  return text;
}

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

/** The parts of a request that may be logged. Behind /uploads/ and /s/ comes a token. */
export function loggedRequest({ method, originalUrl }: FastifyRequest) {
  const [path = ''] = originalUrl.split(queryStart, 1);
  const shown = path.replace(/^(\/(?:uploads|s)\/).*/, '$1').replace(secretLike, '…');
  return { method, path: cutText(shown, maxPath) };
}
