import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/authenticate.js';
import { assertPermitted, contentNeed, isPermitted, type Viewer } from '../auth/viewer.js';
import { AttachmentError } from '../errors.js';
import type { RequestFacts } from '../graphql/context.js';
import type { ReadMultipart } from '../graphql/multipart/process-multipart.js';
import { creationsOf, type ScreenedOperation } from '../graphql/screen-operation.js';
import type { Intake } from '../intake/intake.js';
import type { NetworkRate } from '../limits/networks.js';
import type { BodyMemory, UploadConcurrency } from '../limits/places.js';
import { admitAnonymous, admitRequest, assertPreflighted, encodingOf } from './admit-request.js';
import { type ArrivalLimits, ArrivingBody, maxOperation, maxSmallBody } from './arriving-body.js';
import { onceClosed } from './once-closed.js';
import { assertHost } from './refuse-unfit.js';

export interface GraphqlRequestDependencies {
  admit: Admit;
  /** Counts requests without a credential; null for no limit. */
  anonymous: NetworkRate | null;
  uploadConcurrency: UploadConcurrency;
  bodies: BodyMemory;
  /** The limits of JSON bodies, and of how fast clients must read large answers. */
  limits: ArrivalLimits;
  /** Throws QUOTA_EXCEEDED if the organization may not store so many bytes more. */
  assertRoom(organizationId: string, bytes: number): Promise<void>;
  /** Throws QUOTA_EXCEEDED if none of these attachments, each with its idempotency key or null, can be created. */
  assertCreatable(viewer: Viewer, keys: readonly (string | null)[]): Promise<void>;
  /** Whether the API key of this id is still good. */
  isKeyGood(keyId: string): Promise<boolean>;
  /** Null for what cannot be executed. Throws for what must not be. The parameters come from the body or the URL. */
  screen(parameters: unknown, viewer: Viewer | null): Promise<ScreenedOperation | null>;
  readMultipart: ReadMultipart;
  /** Reads a body when it is its client's turn. Calls `permitContent` if there is content in it. */
  readJson(bytes: Buffer, viewer: Viewer | null, permitContent: () => void): Promise<unknown>;
  /** Removes content that the operation has made no use of. */
  discard(intake: Intake): Promise<void>;
}

export const isMultipart = (request: FastifyRequest): boolean =>
  /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');

/**
 * Has the requests of a scope admitted and their bodies read. The result gives the facts about a request, whose operation has
 * been screened only if it came as a form.
 */
export function readGraphqlRequests(
  scope: FastifyInstance,
  deps: GraphqlRequestDependencies,
): (request: FastifyRequest) => RequestFacts {
  // Not in a WeakMap: V8 keeps the values of one that is old until it collects all that is.
  scope.decorateRequest('facts', undefined);
  const knownOf = (request: FastifyRequest) => request.getDecorator<RequestFacts | undefined>('facts');
  const factsOf = (request: FastifyRequest): RequestFacts => {
    const facts = knownOf(request);
    if (!facts) throw new Error('The request has not been admitted.');
    return facts;
  };
  scope.removeAllContentTypeParsers();
  scope.addHook('onRequest', async (request, reply) => {
    const facts = newFacts(request, reply);
    request.setDecorator('facts', facts);
    await admitInto(facts, deps, request, reply);
  });
  scope.addHook('preParsing', (request, reply, payload, next) => {
    const mayHaveBody = request.method !== 'GET' && request.method !== 'HEAD';
    const isWatched = mayHaveBody && !isMultipart(request) && !hasArrived(request);
    next(null, isWatched ? watchArrival(deps, factsOf(request), request, reply) : payload);
  });
  scope.addContentTypeParser('multipart/form-data', (request: FastifyRequest) =>
    readForm(deps, factsOf(request), request.raw),
  );
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    // No other method has anything to say in its body.
    async (request: FastifyRequest, bytes: Buffer) => {
      if (request.method !== 'POST') return undefined;
      const facts = factsOf(request);
      return deps.readJson(bytes, facts.viewer, () => permitContent(facts));
    },
  );
  scope.addHook('preHandler', (request, _reply, done) => {
    if (!mayBringContent(request)) done();
    else assertKeyStillGood(deps, factsOf(request).viewer).then(() => done(), done);
  });
  scope.addHook('onSend', (request, _reply, _payload, done) => {
    const taken = knownOf(request)?.taken ?? [];
    if (taken.length === 0) done();
    else
      void Promise.all(taken.map((intake) => discardQuietly(deps, request, intake))).then(() => done(), done);
  });
  return factsOf;
}

/** Finds out who asks. Whoever sends much needs, before it is read, the permission and a place for it. */
async function admitInto(
  facts: RequestFacts,
  deps: GraphqlRequestDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  assertHost(request.hostname);
  assertPreflighted(request);
  if (request.headers.authorization === undefined) {
    await admitAnonymous(deps.anonymous, request, reply);
    if (!isMultipart(request)) return;
  }
  facts.viewer = await admitRequest(deps.admit, request, reply);
  if (isMultipart(request) || declaredSize(request) > maxSmallBody) permitContent(facts);
  if (mayBringContent(request)) holdPlace(deps.uploadConcurrency, facts.viewer, reply);
  const least = leastContent(request);
  if (least > 0) await deps.assertRoom(facts.viewer.organizationId, least);
}

/** Throws for whoever may bring no content. Asked once for each request, by whatever shows first that there is content. */
function permitContent(facts: RequestFacts): void {
  if (facts.metNeed === contentNeed) return;
  assertPermitted(facts.viewer, contentNeed);
  facts.metNeed = contentNeed;
}

/** Whether a short body is here as a whole, as nearly all are: nothing is left to watch. */
function hasArrived({ raw }: FastifyRequest): boolean {
  return raw.complete && raw.readableLength <= maxOperation && encodingOf(raw) === null;
}

/** The body of a request that is no form, within its limits of size, time and memory. */
function watchArrival(
  { limits, bodies }: GraphqlRequestDependencies,
  { viewer }: RequestFacts,
  request: FastifyRequest,
  reply: FastifyReply,
): ArrivingBody {
  const writer = viewer && isPermitted(viewer, contentNeed) ? viewer : null;
  const maxSize = writer ? limits.maxSize : maxSmallBody;
  return new ArrivingBody(request.raw, { ...limits, maxSize }, () => {
    const size = declaredSize(request) || maxSize;
    if (writer) onceClosed(reply.raw, bodies.take(writer.organizationId, size));
  });
}

async function readForm(
  deps: GraphqlRequestDependencies,
  facts: RequestFacts,
  request: IncomingMessage,
): Promise<unknown> {
  const viewer = facts.viewer ?? assertPermitted(null, contentNeed);
  const { body, taken } = await deps.readMultipart(request, viewer, async (operation) => {
    facts.screened = await deps.screen(operation, viewer);
    const keys = facts.screened && creationsOf(facts.screened, operation.variables);
    if (keys) await deps.assertCreatable(viewer, keys);
    return facts.screened !== null;
  });
  facts.taken = taken;
  return body;
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
  const isOpen = request.headers['transfer-encoding'] !== undefined || encodingOf(request.raw) !== null;
  return isMultipart(request) || isOpen || declaredSize(request) > maxOperation;
}

/** Bytes of content that a JSON body of this length has at least: beside it there is little room, and it is base64 in lines at most. */
function leastContent(request: FastifyRequest): number {
  if (isMultipart(request) || encodingOf(request.raw) !== null) return 0;
  return Math.floor((Math.max(0, declaredSize(request) - maxSmallBody) * 3 * 76) / (4 * 80));
}

function declaredSize({ headers }: FastifyRequest): number {
  return Number(headers['content-length'] ?? 0);
}

/** Counts an upload until its answer is sent, or its client has gone. */
function holdPlace(
  places: UploadConcurrency,
  { organizationId, principal }: Viewer,
  { raw }: FastifyReply,
): void {
  onceClosed(raw, places.take(organizationId, principal.id));
}

/** A client may be gone before its operation begins. */
function newFacts({ log, ip }: FastifyRequest, { raw }: FastifyReply): RequestFacts {
  return {
    viewer: null,
    taken: [],
    screened: null,
    address: ip,
    pieces: null,
    onClosed: (callback) => onceClosed(raw, callback),
    logError: (err) => log.error({ err }, 'masked error'),
  };
}

/** An answer that is ready goes out even where unused bytes cannot be removed just then. */
async function discardQuietly(
  { discard }: GraphqlRequestDependencies,
  request: FastifyRequest,
  intake: Intake,
): Promise<void> {
  await discard(intake).catch((err: unknown) => request.log.warn({ err }, 'unused bytes not removed'));
}
