import type { IncomingMessage } from 'node:http';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assertPermitted } from '../auth/assert-permitted.js';
import type { Authenticate } from '../auth/authenticate.js';
import { contentNeed } from '../auth/permission-table.js';
import type { Viewer } from '../auth/viewer.js';
import { assertPreflighted } from './csrf.js';

/** A body that has been read to its end, the content in it taken in. `Text` is content that came as text. */
export interface ReadBody<Content, Text> {
  body: unknown;
  taken: Content[];
  longTexts?: ReadonlyMap<string, Text>;
}

/** What an operation is told of its request. */
export interface OperationFacts<Content, Text> {
  /** Null without a credential. */
  viewer: Viewer | null;
  longTexts: ReadonlyMap<string, Text>;
  /** The operation adds what it takes in itself. */
  taken: Content[];
  logError(error: unknown): void;
}

export interface GraphqlRouteDependencies<Context extends BaseContext, Content, Text> {
  apollo: ApolloServer<Context>;
  authenticate: Authenticate;
  createContext(facts: OperationFacts<Content, Text>): Context;
  readMultipart(request: IncomingMessage, viewer: Viewer): Promise<ReadBody<Content, Text>>;
  readJson(request: IncomingMessage, viewer: Viewer | null): Promise<ReadBody<Content, Text>>;
  /** Removes content that the operation has made no use of. */
  discard(content: Content): Promise<void>;
}

const isMultipart = (request: FastifyRequest): boolean =>
  /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/** Adds `POST /graphql`, JSON and multipart, and `GET /graphql`: queries, and the Sandbox for browsers. */
export function registerGraphql<Context extends BaseContext, Content, Text>(
  server: FastifyInstance,
  deps: GraphqlRouteDependencies<Context, Content, Text>,
): void {
  const factsOf = new WeakMap<FastifyRequest, OperationFacts<Content, Text>>();
  const facts = (request: FastifyRequest): OperationFacts<Content, Text> => {
    const known = factsOf.get(request) ?? noFacts<Content, Text>(request);
    factsOf.set(request, known);
    return known;
  };
  const keep = (request: FastifyRequest, { body, taken, longTexts }: ReadBody<Content, Text>): unknown => {
    factsOf.set(request, { ...facts(request), taken, ...(longTexts ? { longTexts } : {}) });
    return body;
  };
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addHook('onRequest', async (request) => {
      assertPreflighted(request);
      const { authorization } = request.headers;
      if (authorization !== undefined) facts(request).viewer = await deps.authenticate(authorization);
      if (isMultipart(request)) assertPermitted(facts(request).viewer, contentNeed);
    });
    scope.addContentTypeParser('multipart/form-data', async (request: FastifyRequest) => {
      const viewer = assertPermitted(facts(request).viewer, contentNeed);
      return keep(request, await deps.readMultipart(request.raw, viewer));
    });
    scope.addContentTypeParser('application/json', async (request: FastifyRequest) =>
      keep(request, await deps.readJson(request.raw, facts(request).viewer)),
    );
    scope.addHook('onSend', async (request) => {
      await Promise.all(facts(request).taken.map((content) => discardQuietly(deps, request, content)));
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      handler: fastifyApolloHandler(deps.apollo, {
        context: async (request) => deps.createContext(facts(request)),
      }),
    });
    done();
  });
}

function noFacts<Content, Text>({ log }: FastifyRequest): OperationFacts<Content, Text> {
  return {
    viewer: null,
    longTexts: new Map(),
    taken: [],
    logError: (err) => log.error({ err }, 'masked error'),
  };
}

/** An answer that is ready goes out even where unused bytes cannot be removed just then. */
async function discardQuietly<Context extends BaseContext, Content, Text>(
  { discard }: GraphqlRouteDependencies<Context, Content, Text>,
  request: FastifyRequest,
  content: Content,
): Promise<void> {
  await discard(content).catch((err: unknown) => request.log.warn({ err }, 'unused bytes not removed'));
}
