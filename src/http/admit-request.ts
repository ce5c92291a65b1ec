import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/authenticate.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError, fault } from '../errors.js';
import { type NetworkRate, plainAddress } from '../limits/networks.js';
import { type Rate, rateLimited } from '../limits/rate-limiter.js';

/** The viewer of a request. Every answer to it has headers with the rest of the credential's rate. */
export async function admitRequest(
  admit: Admit,
  { headers: { authorization }, ip: address }: FastifyRequest,
  reply: FastifyReply,
): Promise<Viewer> {
  if (authorization === undefined) throw new AttachmentError('UNAUTHENTICATED');
  return admit({ authorization, address, tell: (rate) => void reply.headers(rateHeaders(rate)) });
}

/**
 * Counts a request that brings no credential, or none that is good, for the address it comes from. Its answer tells what is
 * left of the rate. Throws RATE_LIMITED past it.
 */
export async function admitAnonymous(
  anonymous: NetworkRate | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const rate = await anonymous?.count(request.ip);
  if (!rate) return;
  reply.headers(rateHeaders(rate));
  if (!rate.isExceeded) return;
  const msg = `At most ${rate.limit} requests a minute are answered for one address without a credential.`;
  throw rateLimited(rate, msg, 'too_many_anonymous_requests');
}

/** `X-RateLimit-Reset` is an instant, in seconds since 1970. */
function rateHeaders({ limit, remaining, resetsAt }: Rate) {
  return {
    'x-ratelimit-limit': limit,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': Math.ceil(resetsAt.getTime() / 1_000),
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a browser that opens the address gets a page. */
    showsPage?: boolean;
  }
}

/** Kinds of bodies that a browser sends to another origin without asking first. */
const simpleTypes = new Set(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain', '']);
const preflightHeaders = ['apollo-require-preflight', 'x-apollo-operation-name'];

/**
 * Refuses, before any byte of the body is parsed, what a foreign page could have sent with no preflight: such a request must
 * carry a header that forces one.
 */
export function assertPreflighted(request: FastifyRequest): void {
  const isPage =
    request.routeOptions.config.showsPage === true && /\btext\/html\b/.test(request.headers.accept ?? '');
  const isQuery = request.method === 'GET' && !isPage && isObject(request.query) && 'query' in request.query;
  if (request.method !== 'POST' && !isQuery) return;
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!simpleTypes.has(type) || preflightHeaders.some((name) => request.headers[name])) return;
  const msg = isQuery
    ? 'A query by GET needs the header Apollo-Require-Preflight: true, which prevents Cross-Site Request Forgery. Send it, or use POST: in urql by preferGetMethod: false.'
    : 'Requests of this content type need the header Apollo-Require-Preflight: true.';
  throw fault('csrf', ['headers', 'apollo-require-preflight'], msg, { message: msg });
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Paths that are known but have no route: attachments are made by GraphQL, and read one by one. */
const withoutRoute = ['/attachments'];

/**
 * Returns a function that refuses a request that no route takes: 404, or 405 with the methods of the path in `Allow`. To be
 * called before the routes are added.
 */
export function collectRoutes(server: FastifyInstance) {
  const known = new Map(withoutRoute.map((url) => [url, newPath(url)]));
  server.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat().filter((name) => name !== 'OPTIONS');
    // OPTIONS is answered everywhere, for preflights.
    if (methods.length === 0) return;
    const path = known.get(url) ?? newPath(url);
    known.set(url, path);
    for (const name of methods) path.methods.add(name);
  });
  return ({ url, method }: FastifyRequest, reply: FastifyReply): AttachmentError => {
    const [path = ''] = url.split('?', 1);
    const found = [...known.values()].filter(({ pattern }) => pattern.test(path));
    if (found.length === 0) return new AttachmentError('NOT_FOUND');
    const allowed = [...new Set(found.flatMap(({ methods }) => [...methods])), 'OPTIONS'].join(', ');
    reply.header('allow', allowed);
    const msg = `${method} is not answered here. This path answers ${allowed}.`;
    return fault('method_not_allowed', ['method'], msg, { message: msg });
  };
}

/** A path with parameters, as the router writes it: `:name` is one segment, `*` is anything. */
function newPath(url: string): { pattern: RegExp; methods: Set<string> } {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`);
  return { pattern, methods: new Set() };
}

/** An id of a proxy: no character of it needs escaping in a header, a log line or a shell. */
const safeId = /^[\w.:+=@/-]{1,128}$/;

/** A `traceparent` of any version (W3C Trace Context): the ids of the trace and of its caller's span, neither of them zero. */
const traceparent = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/;

/** A maker of request ids: that in `X-Request-Id` if a trusted proxy sends it and it is short and safe, else a new one. */
export function createRequestIds(trust: Trust): (request: IncomingMessage) => string {
  return ({ headers, socket: { remoteAddress } }) => {
    const given = headers['x-request-id'];
    const isTaken = typeof given === 'string' && safeId.test(given) && trust(remoteAddress ?? '', 0);
    // Made of random bytes that Node keeps in store: a request has no need of an order.
    return isTaken ? given : randomUUID();
  };
}

/** For the log lines of a request: the trace that its caller has begun. */
export function traceOf({ headers: { traceparent: given } }: IncomingMessage): { traceId?: string } {
  const [, traceId] = traceparent.exec(String(given)) ?? [];
  return traceId === undefined ? {} : { traceId };
}

/** A scheme without a credential behind it, or nothing at all: tools send that if their user has none. */
const noCredential = /^\s*(?:(?:basic|bearer)\s*)?$/i;

/** Has an Authorization header without a credential in it count as none. */
export function dropEmptyCredential({ headers }: IncomingMessage): void {
  if (headers.authorization !== undefined && noCredential.test(headers.authorization)) {
    delete headers.authorization;
  }
}

/** Whether X-Forwarded-For is believed from `address`, the hop nearest to us being 0. */
export type Trust = (address: string, hop: number) => boolean;

/** Trusts these addresses and networks, whether or not a proxy writes the port of a client behind its address. */
export function trustProxies(networks: readonly string[]): Trust {
  const trust = proxyAddr.compile([...networks]);
  return (address, hop) => trust(plainAddress(address ?? ''), hop);
}

export interface DrainBounds {
  maxBytes: number;
  maxMs: number;
}

export const defaultDrainBounds: DrainBounds = { maxBytes: 512 * 1024 * 1024, maxMs: 30_000 };

/** For a client that has been found too slow already. */
export const shortDrainBounds: DrainBounds = { maxBytes: 1024 * 1024, maxMs: 1000 };

const drains = new WeakMap<IncomingMessage, Promise<void>>();
const lastDrains = new WeakMap<Socket, Promise<void>>();

/**
 * Reads and drops what is left of a request that is answered early, so that its client, which may still be sending, gets
 * the answer, and so that the connection can carry the next request. Past either bound the connection is destroyed.
 *
 * Call it right before the answer is sent; the answer need not wait for it. A connection that ends with this answer is
 * half-closed after it and kept until the client has sent all: closed at once, it would be reset, and the answer lost.
 * Resolves when nothing is left to read. It never rejects, and does nothing where the body has been read already; of two
 * calls for one request the first one's bounds hold.
 */
export function drainRequest(
  request: IncomingMessage,
  bounds: DrainBounds = defaultDrainBounds,
): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  const running = drains.get(request);
  if (running !== undefined) return running;
  const drained = dropBody(request, bounds);
  drains.set(request, drained);
  lingerUntil(request.socket, drained);
  return drained;
}

function dropBody(request: IncomingMessage, { maxBytes, maxMs }: DrainBounds): Promise<void> {
  return new Promise((resolve) => {
    const { socket } = request;
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) giveUp();
    };
    const giveUp = () => socket.destroy();
    const timer = setTimeout(giveUp, maxMs);
    const finish = () => {
      clearTimeout(timer);
      request.off('data', count).off('end', finish);
      socket.off('close', finish);
      resolve();
    };
    // Once its answer is sent, a request no longer hears of its socket's end.
    socket.once('close', finish);
    request.unpipe().removeAllListeners('data').removeAllListeners('readable');
    request.once('end', finish).on('data', count).resume();
  });
}

/** Holds back the `destroySoon` by which Node closes a connection after its last answer, until `drained`. */
function lingerUntil(socket: Socket, drained: Promise<void>): void {
  if (!lastDrains.has(socket)) {
    const { destroySoon } = socket;
    socket.destroySoon = () => {
      socket.end();
      void lastDrains.get(socket)?.then(() => destroySoon.call(socket));
    };
  }
  lastDrains.set(socket, drained);
}

/** The encoding of a request's body; null if it comes as it is. */
export function encodingOf({ headers }: IncomingMessage): string | null {
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase();
  return encoding === '' || encoding === 'identity' ? null : encoding;
}
