import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { types } from 'node:util';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { cutText } from '../errors.js';
import { withOriginalLines } from '../original-lines.js';
import { beginRequestSpan, isTracing, type RequestSpan } from '../tracing.js';

/** Others are clients' own words. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The facts of a request that its span tells. */
interface TracedRequest {
  method: string;
  /** The pattern of its path; undefined if it has none. */
  route: string | undefined;
  scheme: string;
  /** Its own id. */
  id: string;
  headers: IncomingHttpHeaders;
}

/** Begins the span of a request; null if no SDK is registered. Its path is not in it, since paths hold names of files and tokens. */
function traceRequest({ method, route, scheme, id, headers }: TracedRequest): RequestSpan | null {
  const known = methods.has(method) ? method : '_OTHER';
  const attributes = {
    'http.request.method': known,
    'url.scheme': scheme,
    'claimcheck.request.id': id,
    ...(route === undefined ? {} : { 'http.route': route }),
  };
  return beginRequestSpan(route === undefined ? known : `${known} ${route}`, attributes, headers);
}

/** The span of a WebSocket's handshake, which is over. Operations of the socket are of its trace. */
export function traceHandshake(id: string, { headers }: IncomingMessage): RequestSpan | null {
  const span = traceRequest({ method: 'GET', route: '/graphql', scheme: 'ws', id, headers });
  span?.end(101);
  return span;
}

/** Has each request make a span, if an SDK is registered by now. To be called before all else that looks at requests. */
export function traceRequests(server: FastifyInstance): void {
  if (!isTracing()) return;
  server.decorateRequest('span', undefined);
  const below = (request: FastifyRequest, next: () => void) => {
    const span = request.getDecorator<RequestSpan | undefined>('span');
    if (span) span.run(next);
    else next();
  };
  server.addHook('onRequest', (request, reply, next) => {
    const { method, routeOptions, is404, headers, id, protocol } = request;
    const route = is404 ? undefined : routeOptions.url;
    const span = traceRequest({ method, route, scheme: protocol, id, headers });
    if (span) {
      request.setDecorator('span', span);
      // Event streams end with their clients, after which Fastify has no hook.
      reply.raw.once('close', () => span.end(reply.raw.headersSent ? reply.statusCode : null));
    }
    below(request, next);
  });
  // A body arrives by events of its connection, which belongs to no request.
  server.addHook('preValidation', (request, _reply, next) => below(request, next));
}

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
  // A DOMException, such as that of a timeout, is the second only.
  if (!types.isNativeError(error) && !(error instanceof Error))
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

/** One answered request, in terms of which there are only a few. */
export interface AnsweredRequest {
  method: string;
  /** The pattern, such as `/attachments/:id/*`; `none` where no route matched. */
  route: string;
  /** `2xx`, and so on. */
  status: string;
  seconds: number;
}

/** Tells of every answer. To be called before the routes are added. */
export function measureRequests(server: FastifyInstance, observe: (request: AnsweredRequest) => void): void {
  server.addHook('onResponse', ({ method, is404, routeOptions }, { statusCode, elapsedTime }, done) => {
    observe({
      method: methods.has(method) ? method : 'other',
      route: is404 ? 'none' : (routeOptions.url ?? 'none'),
      status: `${Math.floor(statusCode / 100)}xx`,
      seconds: elapsedTime / 1_000,
    });
    done();
  });
}
