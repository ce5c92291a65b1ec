import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/admit.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError, fault } from '../errors.js';
import type { NetworkRate } from '../limits/network-rate.js';
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
