import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { LRUCache } from 'lru-cache';
import { type AttachmentError, fault } from '../errors.js';
import { collectRoutes } from './admit-request.js';
import { refuseEncoding } from './arriving-body.js';
import { headersTooLarge, maxHeaderCount } from './error-handler.js';

/** Requests with an expectation other than 100-continue. */
const unmet = new WeakSet<IncomingMessage>();

/**
 * Refuses what no route takes, before its body is read. One hook: each is a turn of every request. To be called before the routes are
 * added.
 */
export function refuseUnfit(server: FastifyInstance): void {
  const refuseUnrouted = collectRoutes(server);
  // Node's own refusal has no body and no request id.
  server.server.on('checkExpectation', (request, response) => {
    unmet.add(request);
    server.server.emit('request', request, response);
  });
  server.addHook('onRequest', (request, reply, done) => {
    const headFault = faultOfHead(request.raw);
    if (headFault) return done(headFault);
    if (unmet.has(request.raw)) return done(unmetExpectation());
    if (request.is404) return done(refuseUnrouted(request, reply));
    const isEncoded = request.raw.headers['content-encoding'] !== undefined;
    return done(isEncoded ? refuseEncoding(request, reply) : undefined);
  });
}

function unmetExpectation(): AttachmentError {
  const msg = 'The only expectation that is met is 100-continue.';
  return fault('expectation', ['headers', 'expect'], msg, { message: msg });
}

/** The fault of a request's headers, for any route and for a handshake; null if they are fit. */
export function faultOfHead({ headers, rawHeaders, httpVersion }: IncomingMessage): AttachmentError | null {
  if (rawHeaders.length > 2 * maxHeaderCount) return headersTooLarge(maxHeaderCount, 'lines');
  const { host, 'transfer-encoding': coding } = headers;
  // Node takes any last coding for chunks alone: what is compressed would be stored as it comes.
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') return otherCoding();
  if (host === undefined)
    return httpVersion === '1.1' ? badHost('A request by HTTP/1.1 must have a Host header.') : null;
  if (countHosts(rawHeaders) > 1) return badHost('A request may have one Host header only.');
  return isHost(host) ? null : badHost('The Host header must name a host.');
}

function otherCoding(): AttachmentError {
  const msg = 'The only Transfer-Encoding that is taken is chunked.';
  return fault('content_encoding', ['headers', 'transfer-encoding'], msg, { message: msg });
}

function badHost(msg: string): AttachmentError {
  return fault('bad_request', ['headers', 'host'], msg, { message: msg });
}

/** Node drops all but the first one from its headers. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.length === 4 && rawHeaders[index]?.toLowerCase() === 'host') count += 1;
  return count;
}

/** Hosts that are remembered, and characters of one: those by which a service is called. */
const maxHosts = 100;
const maxHostLength = 255;
const goodHosts = new LRUCache<string, true>({ max: maxHosts });

/** Throws for a host, as a proxy may name another one, of which no URL can be made: the GraphQL server's adapter makes one. */
export function assertHost(host: string): void {
  if (!isHost(host)) throw badHost('The Host header must name a host.');
}

/** Whether a text is a host, with or without a port. */
function isHost(host: string): boolean {
  if (goodHosts.has(host)) return true;
  if (/[\s/\\?#@]/.test(host) || !URL.canParse(`http://${host}/`)) return false;
  if (host.length <= maxHostLength) goodHosts.set(host, true);
  return true;
}
