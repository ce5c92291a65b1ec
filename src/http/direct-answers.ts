import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { AnswerOperation } from '../graphql/answer-operation.js';
import type { GraphqlContext, RequestFacts } from '../graphql/context.js';
import type { Operation } from '../graphql/screen-operation.js';

export interface DirectAnswersDependencies {
  createContext(facts: RequestFacts): GraphqlContext;
  answerOperation: AnswerOperation;
}

/** Accept headers that are remembered, and characters of one. */
const maxAccepts = 100;
const maxAcceptLength = 500;

/**
 * Answers operations by POST past Apollo Server, which costs a small query a quarter of its time. It answers the first request
 * with each Accept header, so that its content type is known, and whatever is not plainly an operation that can be executed.
 */
export class DirectAnswers {
  readonly #deps: DirectAnswersDependencies;
  readonly #contentTypes = new LRUCache<string, string>({ max: maxAccepts });

  constructor(deps: DirectAnswersDependencies) {
    this.#deps = deps;
  }

  /** The body of the answer; null if Apollo has to give it. */
  async answer(request: FastifyRequest, reply: FastifyReply, facts: RequestFacts): Promise<string | null> {
    const { screened } = facts;
    const contentType = this.#contentTypes.get(request.headers.accept ?? '');
    const operation = readPlain(request);
    if (!screened || contentType === undefined || !operation) return null;
    const context = this.#deps.createContext(facts);
    const answer = await this.#deps.answerOperation(screened, operation, context);
    if (!answer) return null;
    reply.code(answer.status ?? 200).headers({ 'content-type': contentType, ...answer.headers });
    const { errors, data } = answer.result;
    return facts.pieces ? '' : `${JSON.stringify({ errors, data })}\n`;
  }

  /** Remembers the content type that Apollo has chosen. */
  learn({ method, headers: { accept = '' } }: FastifyRequest, reply: FastifyReply): void {
    const contentType = reply.getHeader('content-type');
    if (method !== 'POST' || reply.statusCode !== 200 || typeof contentType !== 'string') return;
    if (accept.length <= maxAcceptLength) this.#contentTypes.set(accept, contentType);
  }
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
