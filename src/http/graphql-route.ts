import { Readable } from 'node:stream';
import type { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import {
  type AnswerOperation,
  Held,
  type OperationAnswer,
  traceOperation,
} from '../graphql/answer-operation.js';
import type { GraphqlContext, RequestFacts } from '../graphql/context.js';
import type { Operation, ScreenedOperation } from '../graphql/screen-operation.js';
import { type PaceLimits, PaceWatch } from '../limits/pace.js';
import { type GraphqlRequestDependencies, isMultipart, readGraphqlRequests } from './graphql-requests.js';
import { onceClosed } from './once-closed.js';

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
    scope.addHook('onSend', (_request, reply, _payload, done) => {
      if (isPage(reply)) reply.header('content-security-policy', pagePolicy);
      done();
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
        facts.pieces = null;
        if (pieces) return sendPieces(reply, pieces, deps.limits);
        return answer instanceof Held ? reply.send(answer.take()) : answer;
      },
    });
    done();
  });
}

/** Sends a body piece by piece, as fast as the client reads, and ends the connection of one that does not read. */
function sendPieces(reply: FastifyReply, pieces: readonly Buffer[], pace: PaceLimits): FastifyReply {
  const { raw } = reply;
  const watch = new PaceWatch(pace, () => raw.destroy());
  onceClosed(raw, () => watch.stop());
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

export interface DirectAnswersDependencies {
  answerOperation: AnswerOperation;
}

/** Accept headers that are remembered, and characters of one. */
const maxAccepts = 100;
const maxAcceptLength = 500;

/**
 * Answers operations by POST past Apollo Server, which costs a small query a quarter of its time. It answers the first request
 * with each Accept header, so that its content type is known, and whatever is not plainly an operation that can be executed.
 */
class DirectAnswers {
  readonly #deps: DirectAnswersDependencies;
  readonly #contentTypes = new LRUCache<string, string>({ max: maxAccepts });

  constructor(deps: DirectAnswersDependencies) {
    this.#deps = deps;
  }

  /** The body of the answer; null if Apollo has to give it. */
  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    facts: RequestFacts,
  ): Promise<Held<string> | null> {
    const { screened } = facts;
    const contentType = this.#contentTypes.get(request.headers.accept ?? '');
    const operation = readPlain(request);
    if (!screened || contentType === undefined || !operation) return null;
    const answer = await this.#deps.answerOperation(screened, operation, facts);
    if (!answer) return null;
    reply.code(answer.status ?? 200).headers({ 'content-type': contentType, ...answer.headers });
    return new Held(facts.pieces ? '' : write(answer));
  }

  /** Remembers the content type that Apollo has chosen. */
  learn({ method, headers: { accept = '' } }: FastifyRequest, reply: FastifyReply): void {
    const contentType = reply.getHeader('content-type');
    if (method !== 'POST' || reply.statusCode !== 200 || typeof contentType !== 'string') return;
    if (accept.length <= maxAcceptLength) this.#contentTypes.set(accept, contentType);
  }
}

function write(answer: OperationAnswer): string {
  const { errors, data } = answer.result.take();
  return `${JSON.stringify({ errors, data })}\n`;
}

/** The operation of a POST; null for anything in its body that Apollo might refuse. */
function readPlain({ method, body }: FastifyRequest): Operation | null {
  if (method !== 'POST' || !isRecord(body)) return null;
  const { query, operationName = null, variables = null, extensions = null } = body;
  if (typeof query !== 'string' || (operationName !== null && typeof operationName !== 'string')) return null;
  if (variables !== null && !isRecord(variables)) return null;
  if (extensions !== null && (!isRecord(extensions) || extensions['persistedQuery'])) return null;
  return { query, operationName: operationName ?? undefined, variables: variables ?? {} };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
