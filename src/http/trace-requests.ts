import type { FastifyInstance, FastifyRequest } from 'fastify';
import { beginRequestSpan, isTracing, type RequestSpan } from '../tracing.js';

/** Others are clients' own words. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Has each request make a span, if an SDK is registered by now. Paths are not in it, since there are names of files and tokens
 * in them. To be called before all else that looks at requests.
 */
export function traceRequests(server: FastifyInstance): void {
  if (!isTracing()) return;
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  const below = (request: FastifyRequest, next: () => void) => {
    const span = spans.get(request);
    if (span) span.run(next);
    else next();
  };
  server.addHook('onRequest', (request, _reply, next) => {
    const { method, routeOptions, is404, headers, id, protocol } = request;
    const known = methods.has(method) ? method : '_OTHER';
    const route = is404 ? undefined : routeOptions.url;
    const attributes = {
      'http.request.method': known,
      'url.scheme': protocol,
      'claimcheck.request.id': id,
      ...(route === undefined ? {} : { 'http.route': route }),
    };
    const span = beginRequestSpan(route === undefined ? known : `${known} ${route}`, attributes, headers);
    if (span) spans.set(request, span);
    below(request, next);
  });
  // A body arrives by events of its connection, which belongs to no request.
  server.addHook('preValidation', (request, _reply, next) => below(request, next));
  server.addHook('onResponse', async (request, { statusCode }) => spans.get(request)?.end(statusCode));
}
