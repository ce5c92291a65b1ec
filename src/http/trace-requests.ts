import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
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
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  const below = (request: FastifyRequest, next: () => void) => {
    const span = spans.get(request);
    if (span) span.run(next);
    else next();
  };
  server.addHook('onRequest', (request, reply, next) => {
    const { method, routeOptions, is404, headers, id, protocol } = request;
    const route = is404 ? undefined : routeOptions.url;
    const span = traceRequest({ method, route, scheme: protocol, id, headers });
    if (span) {
      spans.set(request, span);
      // Event streams end with their clients, after which Fastify has no hook.
      reply.raw.once('close', () => span.end(reply.raw.headersSent ? reply.statusCode : null));
    }
    below(request, next);
  });
  // A body arrives by events of its connection, which belongs to no request.
  server.addHook('preValidation', (request, _reply, next) => below(request, next));
}
