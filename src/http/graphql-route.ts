import type { IncomingMessage } from 'node:http';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assertPermitted } from '../auth/assert-permitted.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Viewer } from '../auth/viewer.js';
import { limitBodyTime } from './body-deadline.js';
import { assertPreflighted } from './csrf.js';

export interface GraphqlRouteDependencies<Context extends BaseContext, File> {
  apollo: ApolloServer<Context>;
  authenticate: Authenticate;
  createContext(viewer: Viewer | null, logError: (error: unknown) => void): Context;
  /** Reads a multipart request to its end; the files have then been taken in. */
  readUploadRequest(request: IncomingMessage, viewer: Viewer): Promise<{ body: unknown; taken: File[] }>;
  /** Removes a file that the operation has made no use of. */
  discard(file: File): Promise<void>;
  /** A JSON body must have arrived by then. */
  bodyTimeoutMs: number;
}

const isMultipart = (request: FastifyRequest): boolean =>
  /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/** Adds `POST /graphql`, JSON and multipart, and `GET /graphql`: queries, and the Sandbox for browsers. */
export function registerGraphql<Context extends BaseContext, File>(
  server: FastifyInstance,
  deps: GraphqlRouteDependencies<Context, File>,
): void {
  const viewers = new WeakMap<FastifyRequest, Viewer>();
  const taken = new WeakMap<FastifyRequest, File[]>();
  void server.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request) => {
      assertPreflighted(request);
      const { authorization } = request.headers;
      if (authorization !== undefined) viewers.set(request, await deps.authenticate(authorization));
      if (isMultipart(request)) assertPermitted(viewers.get(request) ?? null, 'attachments:write');
    });
    limitBodyTime(scope, deps.bodyTimeoutMs, (request) => !isMultipart(request));
    scope.addContentTypeParser('multipart/form-data', async (request: FastifyRequest) => {
      const viewer = assertPermitted(viewers.get(request) ?? null, 'attachments:write');
      const read = await deps.readUploadRequest(request.raw, viewer);
      taken.set(request, read.taken);
      return read.body;
    });
    scope.addHook('onSend', async (request) => {
      await Promise.all((taken.get(request) ?? []).map((file) => discardQuietly(deps, request, file)));
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      handler: fastifyApolloHandler(deps.apollo, {
        context: async (request) =>
          deps.createContext(viewers.get(request) ?? null, (err) =>
            request.log.error({ err }, 'masked error'),
          ),
      }),
    });
    done();
  });
}

/** An answer that is ready goes out even where unused bytes cannot be removed just then; the sweep finds them. */
async function discardQuietly<Context extends BaseContext, File>(
  { discard }: GraphqlRouteDependencies<Context, File>,
  request: FastifyRequest,
  file: File,
): Promise<void> {
  await discard(file).catch((err: unknown) => request.log.warn({ err }, 'unused bytes not removed'));
}
