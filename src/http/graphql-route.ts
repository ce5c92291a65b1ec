import { Readable } from 'node:stream';
import type { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type AnswerOperation, traceOperation } from '../graphql/answer-operation.js';
import type { GraphqlContext, RequestFacts } from '../graphql/context.js';
import type { ScreenedOperation } from '../graphql/screen-operation.js';
import { type PaceLimits, PaceWatch } from '../limits/pace.js';
import { DirectAnswers } from './direct-answers.js';
import { type GraphqlRequestDependencies, isMultipart, readGraphqlRequests } from './graphql-requests.js';

export interface GraphqlRouteDependencies extends GraphqlRequestDependencies {
  apollo: ApolloServer<GraphqlContext>;
  /** Throws for variables, now complete, that are not of their types. */
  checkVariables(screened: ScreenedOperation, parameters: unknown): void;
  createContext(facts: RequestFacts): GraphqlContext;
  answerOperation: AnswerOperation;
}

/** Policy of the Sandbox, whose page has a policy in itself for what it loads. */
const pagePolicy = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const isPage = (reply: FastifyReply): boolean => /^text\/html/.test(String(reply.getHeader('content-type')));

/** Adds `POST /graphql`, JSON and multipart, and `GET /graphql`: queries, and the Sandbox for browsers. */
export function registerGraphql(server: FastifyInstance, deps: GraphqlRouteDependencies): void {
  const direct = new DirectAnswers(deps);
  void server.register((scope, _options, done) => {
    const factsOf = readGraphqlRequests(scope, deps);
    const execute = fastifyApolloHandler(deps.apollo, {
      context: async (request) => deps.createContext(factsOf(request)),
    });
    scope.addHook('preHandler', async (request) => {
      const facts = factsOf(request);
      const parameters = request.body ?? request.query;
      // The operation of a form has been screened before its files were read.
      if (!isMultipart(request)) facts.screened = await deps.screen(parameters, facts.viewer);
      if (facts.screened) deps.checkVariables(facts.screened, parameters);
    });
    scope.addHook('onSend', async (_request, reply) => {
      if (isPage(reply)) reply.header('content-security-policy', pagePolicy);
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      config: { inflatesJson: true, showsPage: true },
      // ArrivingBody has the limit.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      handler: async function (request, reply) {
        const facts = factsOf(request);
        const answer = await traceOperation(
          facts.screened?.operation,
          async () =>
            (await direct.answer(request, reply, facts)) ?? (await execute.call(this, request, reply)),
        );
        direct.learn(request, reply);
        const { pieces } = facts;
        return pieces ? sendPieces(reply, pieces, deps.limits) : answer;
      },
    });
    done();
  });
}

/** Sends a body piece by piece, as fast as the client reads, and ends the connection of one that does not read. */
function sendPieces(reply: FastifyReply, pieces: readonly Buffer[], pace: PaceLimits): FastifyReply {
  const { raw } = reply;
  const watch = new PaceWatch(pace, () => raw.destroy());
  raw.once('close', () => watch.stop());
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return reply.header('content-length', length).send(Readable.from(readOut(pieces, watch)));
}

/** The next piece is asked for once the client has room for it, so the one before has been taken. */
function* readOut(pieces: readonly Buffer[], watch: PaceWatch): Generator<Buffer> {
  for (const piece of pieces) {
    yield piece;
    watch.count(piece.length);
  }
}
