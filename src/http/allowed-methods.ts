import type { FastifyInstance } from 'fastify';
import { AttachmentError, fault } from '../errors.js';

/** Paths that are known but have no route: attachments are made by GraphQL, and read one by one. */
const withoutRoute = ['/attachments'];

/**
 * Refuses requests that no route takes, before their body is read. If there are routes of other methods at the path, the
 * answer is 405 and names them in `Allow`. To be called before the routes are added.
 */
export function refuseUnrouted(server: FastifyInstance): void {
  const known = new Map(withoutRoute.map((url) => [url, newPath(url)]));
  server.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat().filter((name) => name !== 'OPTIONS');
    // OPTIONS is answered everywhere, for preflights.
    if (methods.length === 0) return;
    const path = known.get(url) ?? newPath(url);
    known.set(url, path);
    for (const name of methods) path.methods.add(name);
  });
  server.addHook('onRequest', async ({ is404, url, method }, reply) => {
    if (!is404) return;
    const [path = ''] = url.split('?', 1);
    const found = [...known.values()].filter(({ pattern }) => pattern.test(path));
    if (found.length === 0) throw new AttachmentError('NOT_FOUND');
    const allowed = [...new Set(found.flatMap(({ methods }) => [...methods])), 'OPTIONS'].join(', ');
    reply.header('allow', allowed);
    const msg = `${method} is not answered here. This path answers ${allowed}.`;
    throw fault('method_not_allowed', ['method'], msg, { message: msg });
  });
}

/** A path with parameters, as the router writes it: `:name` is one segment, `*` is anything. */
function newPath(url: string): { pattern: RegExp; methods: Set<string> } {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`);
  return { pattern, methods: new Set() };
}
