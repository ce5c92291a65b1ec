import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DocumentNode } from 'graphql';
import type { Admit } from '../auth/admit.js';
import { assertPermitted, contentNeed } from '../auth/permission-table.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError } from '../errors.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { type PaceLimits, PaceWatch } from '../limits/pace.js';
import type { UploadConcurrency } from '../limits/upload-concurrency.js';
import { admitAnonymous, admitRequest } from './admit-request.js';
import { assertPreflighted } from './open-body.js';

/** A body that has been read to its end, the content in it taken in. `Text` is content that came as text. */
export interface ReadBody<Content, Text> {
  body: unknown;
  taken: Content[];
  longTexts?: ReadonlyMap<string, Text>;
}

/** The document to execute, and the part of its cost that is introspection. */
export interface ScreenedDocument {
  document: DocumentNode;
  introspection: { values: number; bytes: number };
}

/** Facts about the request of an operation. */
export interface OperationFacts<Content, Text> {
  /** Null without a credential. */
  viewer: Viewer | null;
  longTexts: ReadonlyMap<string, Text>;
  /** The operation adds what it takes in itself. */
  taken: Content[];
  /** Parsed and valid; null if it is not, which the server's own answer explains. */
  screened: ScreenedDocument | null;
  /** The client's IP address. */
  address: string;
  /** The answer, if it is too large to be written in one go. */
  pieces: Buffer[] | null;
  /** Calls back once the answer has been sent or its client has gone. */
  onClosed(callback: () => void): void;
  logError(error: unknown): void;
}

export interface GraphqlRouteDependencies<Context extends BaseContext, Content, Text> {
  apollo: ApolloServer<Context>;
  admit: Admit;
  /** Counts requests without a credential; null for no limit. */
  anonymous: NetworkRate | null;
  uploadSlots: UploadConcurrency;
  /** Whether the API key of this id is still good. */
  isKeyGood(keyId: string): Promise<boolean>;
  /**
   * The document of an operation that can be executed. Throws for one that must not be. Its parameters come from the body or
   * the URL.
   */
  screen(parameters: unknown, viewer: Viewer | null): Promise<ScreenedDocument | null>;
  createContext(facts: OperationFacts<Content, Text>): Context;
  readMultipart(request: IncomingMessage, viewer: Viewer): Promise<ReadBody<Content, Text>>;
  readJson(request: IncomingMessage, viewer: Viewer | null): Promise<ReadBody<Content, Text>>;
  /** How fast clients must read large answers. */
  answerPace: PaceLimits;
  /** Removes content that the operation has made no use of. */
  discard(content: Content): Promise<void>;
}

/** A JSON body that is longer, or does not say how long it is, may bring content. */
const maxContentlessJson = 256 * 1024;

const isMultipart = (request: FastifyRequest): boolean =>
  /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/** Policy of the Sandbox, whose page has a policy in itself for what it loads. */
const pagePolicy = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const isPage = (reply: FastifyReply): boolean => /^text\/html/.test(String(reply.getHeader('content-type')));

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
  const execute = fastifyApolloHandler(deps.apollo, {
    context: async (request, reply) =>
      deps.createContext(Object.assign(facts(request), heldUntilClosed(reply))),
  });
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addHook('onRequest', async (request, reply) => {
      assertPreflighted(request);
      if (request.headers.authorization === undefined) {
        await admitAnonymous(deps.anonymous, request, reply);
        if (!isMultipart(request)) return;
      }
      const viewer = await admitRequest(deps.admit, request, reply);
      facts(request).viewer = viewer;
      if (isMultipart(request)) assertPermitted(viewer, contentNeed);
      if (mayBringContent(request)) holdSlot(deps.uploadSlots, viewer, reply);
    });
    scope.addContentTypeParser('multipart/form-data', async (request: FastifyRequest) => {
      const viewer = assertPermitted(facts(request).viewer, contentNeed);
      return keep(request, await deps.readMultipart(request.raw, viewer));
    });
    scope.addContentTypeParser('application/json', async (request: FastifyRequest) =>
      keep(request, await deps.readJson(request.raw, facts(request).viewer)),
    );
    scope.addHook('preHandler', async (request) => {
      const known = facts(request);
      if (mayBringContent(request)) await assertKeyStillGood(deps, known.viewer);
      known.screened = await deps.screen(request.body ?? request.query, known.viewer);
    });
    scope.addHook('onSend', async (request, reply) => {
      if (isPage(reply)) reply.header('content-security-policy', pagePolicy);
      await Promise.all(facts(request).taken.map((content) => discardQuietly(deps, request, content)));
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      handler: async function (request, reply) {
        const answer = await execute.call(this, request, reply);
        const { pieces } = facts(request);
        return pieces ? sendPieces(reply, pieces, deps.answerPace) : answer;
      },
    });
    done();
  });
}

/** Content takes its time to arrive, and the key that came before it may have been revoked or have expired meanwhile. */
async function assertKeyStillGood(
  { isKeyGood }: { isKeyGood(keyId: string): Promise<boolean> },
  viewer: Viewer | null,
): Promise<void> {
  if (viewer?.keyId && !(await isKeyGood(viewer.keyId))) throw new AttachmentError('UNAUTHENTICATED');
}

function mayBringContent(request: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return isMultipart(request) || coding !== undefined || Number(length ?? 0) > maxContentlessJson;
}

/** Until the answer is sent, or its client has gone. */
function holdSlot(
  slots: UploadConcurrency,
  { organizationId, principal }: Viewer,
  { raw }: FastifyReply,
): void {
  raw.once('close', slots.take(organizationId, principal.id));
}

function noFacts<Content, Text>({ log, ip }: FastifyRequest): OperationFacts<Content, Text> {
  return {
    viewer: null,
    longTexts: new Map(),
    taken: [],
    screened: null,
    address: ip,
    pieces: null,
    onClosed: () => {},
    logError: (err) => log.error({ err }, 'masked error'),
  };
}

/** A client may be gone before its operation begins. */
function heldUntilClosed({ raw }: FastifyReply) {
  return {
    onClosed: (callback: () => void): void => {
      if (raw.destroyed) callback();
      else raw.once('close', callback);
    },
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
