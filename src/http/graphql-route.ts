import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/admit.js';
import { assertPermitted, contentNeed, isPermitted } from '../auth/permission-table.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError, fault } from '../errors.js';
import type { AnswerOperation } from '../graphql/answer-operation.js';
import type { GraphqlContext, RequestFacts } from '../graphql/context.js';
import type { ReadMultipart } from '../graphql/read-multipart.js';
import type { ScreenedOperation } from '../graphql/screen-operation.js';
import type { Intake } from '../intake/intake.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { type PaceLimits, PaceWatch } from '../limits/pace.js';
import type { BodyMemory, UploadConcurrency } from '../limits/upload-concurrency.js';
import { admitAnonymous, admitRequest } from './admit-request.js';
import { type ArrivalLimits, ArrivingBody, maxOperation, maxSmallBody } from './arriving-body.js';
import { DirectAnswers } from './direct-answers.js';
import { assertPreflighted } from './open-body.js';

export interface GraphqlRouteDependencies {
  apollo: ApolloServer<GraphqlContext>;
  admit: Admit;
  /** Counts requests without a credential; null for no limit. */
  anonymous: NetworkRate | null;
  uploadConcurrency: UploadConcurrency;
  bodies: BodyMemory;
  /** The limits of JSON bodies, and of how fast clients must read large answers. */
  limits: ArrivalLimits;
  /** Whether the API key of this id is still good. */
  isKeyGood(keyId: string): Promise<boolean>;
  /** Null for what cannot be executed. Throws for what must not be. The parameters come from the body or the URL. */
  screen(parameters: unknown, viewer: Viewer | null): Promise<ScreenedOperation | null>;
  /** Throws for variables, now complete, that are not of their types. */
  checkVariables(screened: ScreenedOperation, parameters: unknown): void;
  createContext(facts: RequestFacts): GraphqlContext;
  answerOperation: AnswerOperation;
  readMultipart: ReadMultipart;
  /** Calls `permitContent` if there is content in it. */
  readJson(bytes: Buffer, permitContent: () => void): Promise<unknown>;
  /** Removes content that the operation has made no use of. */
  discard(intake: Intake): Promise<void>;
}

const isMultipart = (request: FastifyRequest): boolean =>
  /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/** Policy of the Sandbox, whose page has a policy in itself for what it loads. */
const pagePolicy = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const isPage = (reply: FastifyReply): boolean => /^text\/html/.test(String(reply.getHeader('content-type')));

/** Adds `POST /graphql`, JSON and multipart, and `GET /graphql`: queries, and the Sandbox for browsers. */
export function registerGraphql(server: FastifyInstance, deps: GraphqlRouteDependencies): void {
  const known = new WeakMap<FastifyRequest, RequestFacts>();
  const factsOf = (request: FastifyRequest): RequestFacts => {
    const facts = known.get(request);
    if (!facts) throw new Error('The request has not been admitted.');
    return facts;
  };
  const direct = new DirectAnswers(deps);
  const execute = fastifyApolloHandler(deps.apollo, {
    context: async (request) => deps.createContext(factsOf(request)),
  });
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addHook('onRequest', async (request, reply) => {
      const facts = newFacts(request, reply);
      known.set(request, facts);
      await admitInto(facts, deps, request, reply);
    });
    scope.addHook('preParsing', (request, reply, payload, next) => {
      const isJson = request.method === 'POST' && !isMultipart(request);
      next(null, isJson ? watchArrival(deps, factsOf(request), request, reply) : payload);
    });
    scope.addContentTypeParser('multipart/form-data', (request: FastifyRequest) =>
      readForm(deps, factsOf(request), request.raw),
    );
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      (request: FastifyRequest, bytes: Buffer) => deps.readJson(bytes, () => permitContent(factsOf(request))),
    );
    scope.addHook('preHandler', (request) => screenRequest(deps, factsOf(request), request));
    scope.addHook('onSend', async (request, reply) => {
      if (isPage(reply)) reply.header('content-security-policy', pagePolicy);
      const taken = known.get(request)?.taken ?? [];
      await Promise.all(taken.map((intake) => discardQuietly(deps, request, intake)));
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      // ArrivingBody has the limit.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      handler: async function (request, reply) {
        const facts = factsOf(request);
        const answer =
          (await direct.answer(request, reply, facts)) ?? (await execute.call(this, request, reply));
        direct.learn(request, reply);
        const { pieces } = facts;
        return pieces ? sendPieces(reply, pieces, deps.limits) : answer;
      },
    });
    done();
  });
}

/** Finds out who asks. Whoever sends much needs, before it is read, the permission and a place for it. */
async function admitInto(
  facts: RequestFacts,
  deps: GraphqlRouteDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  assertHost(request);
  assertPreflighted(request);
  if (request.headers.authorization === undefined) {
    await admitAnonymous(deps.anonymous, request, reply);
    if (!isMultipart(request)) return;
  }
  facts.viewer = await admitRequest(deps.admit, request, reply);
  if (isMultipart(request) || declaredSize(request) > maxSmallBody) permitContent(facts);
  if (mayBringContent(request)) holdSlot(deps.uploadConcurrency, facts.viewer, reply);
}

/** Throws for whoever may bring no content. Asked once for each request, by whatever shows first that there is content. */
function permitContent(facts: RequestFacts): void {
  if (facts.metNeed === contentNeed) return;
  assertPermitted(facts.viewer, contentNeed);
  facts.metNeed = contentNeed;
}

/** The GraphQL server's adapter makes a URL of the host, and HTTP/1.0 needs none. */
function assertHost({ hostname }: FastifyRequest): void {
  if (URL.canParse(`http://${hostname}/`)) return;
  const msg = 'The Host header must name a host.';
  throw fault('bad_request', ['headers', 'host'], msg, { message: msg });
}

/** The body of a request that is no form, within its limits of size, time and memory. */
function watchArrival(
  { limits, bodies }: GraphqlRouteDependencies,
  { viewer }: RequestFacts,
  request: FastifyRequest,
  reply: FastifyReply,
): ArrivingBody {
  const writer = viewer && isPermitted(viewer, contentNeed) ? viewer : null;
  const maxSize = writer ? limits.maxSize : maxSmallBody;
  return new ArrivingBody(request.raw, { ...limits, maxSize }, () => {
    const size = declaredSize(request) || maxSize;
    if (writer) reply.raw.once('close', bodies.take(writer.organizationId, size));
  });
}

async function readForm(
  deps: GraphqlRouteDependencies,
  facts: RequestFacts,
  request: IncomingMessage,
): Promise<unknown> {
  const viewer = facts.viewer ?? assertPermitted(null, contentNeed);
  const { body, taken } = await deps.readMultipart(request, viewer, async (operation) => {
    facts.screened = await deps.screen(operation, viewer);
    return facts.screened !== null;
  });
  facts.taken = taken;
  return body;
}

/** The operation of a form has been screened before its files were read. */
async function screenRequest(
  deps: GraphqlRouteDependencies,
  facts: RequestFacts,
  request: FastifyRequest,
): Promise<void> {
  if (mayBringContent(request)) await assertKeyStillGood(deps, facts.viewer);
  const parameters = request.body ?? request.query;
  if (!isMultipart(request)) facts.screened = await deps.screen(parameters, facts.viewer);
  if (facts.screened) deps.checkVariables(facts.screened, parameters);
}

/** Content takes its time to arrive, and the key that came before it may have been revoked or have expired meanwhile. */
async function assertKeyStillGood(
  { isKeyGood }: { isKeyGood(keyId: string): Promise<boolean> },
  viewer: Viewer | null,
): Promise<void> {
  if (viewer?.keyId && !(await isKeyGood(viewer.keyId))) throw new AttachmentError('UNAUTHENTICATED');
}

/** A JSON body may if it is longer than an operation, or does not say how long it is. */
function mayBringContent(request: FastifyRequest): boolean {
  const isOpen = request.headers['transfer-encoding'] !== undefined;
  return isMultipart(request) || isOpen || declaredSize(request) > maxOperation;
}

function declaredSize({ headers }: FastifyRequest): number {
  return Number(headers['content-length'] ?? 0);
}

/** Until the answer is sent, or its client has gone. */
function holdSlot(
  slots: UploadConcurrency,
  { organizationId, principal }: Viewer,
  { raw }: FastifyReply,
): void {
  raw.once('close', slots.take(organizationId, principal.id));
}

/** A client may be gone before its operation begins. */
function newFacts({ log, ip }: FastifyRequest, { raw }: FastifyReply): RequestFacts {
  return {
    viewer: null,
    taken: [],
    screened: null,
    address: ip,
    pieces: null,
    onClosed: (callback) => {
      if (raw.destroyed) callback();
      else raw.once('close', callback);
    },
    logError: (err) => log.error({ err }, 'masked error'),
  };
}

/** An answer that is ready goes out even where unused bytes cannot be removed just then. */
async function discardQuietly(
  { discard }: GraphqlRouteDependencies,
  request: FastifyRequest,
  intake: Intake,
): Promise<void> {
  await discard(intake).catch((err: unknown) => request.log.warn({ err }, 'unused bytes not removed'));
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
