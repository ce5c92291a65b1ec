import { type IncomingMessage, maxHeaderSize, type ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import Fastify, { type FastifyInstance } from 'fastify';
import helmet, { type HelmetOptions } from 'helmet';
import { AnswerPace, minBytesPerSecond } from '../limits/pace.js';
import type { Turns } from '../limits/turns.js';
import {
  createRequestIds,
  drainRequest,
  dropEmptyCredential,
  traceOf,
  trustProxies,
} from './admit-request.js';
import { boundConnections, closeUnusedAtStop } from './bound-connections.js';
import { registerErrorHandler } from './error-handler.js';
import { loggedError, loggedRequest, RequestLog, traceRequests } from './observe-requests.js';
import { gatherChunks, readInTurns } from './read-in-turns.js';
import { refuseUnfit } from './refuse-unfit.js';

export interface ServerOptions {
  corsOrigins: readonly string[];
  headersTimeoutMs: number;
  /** Whoever takes an answer more slowly than the minimum rate over so long is cut off. */
  stallTimeoutMs: number;
  /** Addresses and networks whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
  /** Connections of one address at once; 0 is off. */
  maxConnectionsOfAddress: number;
  /** Bytes of clients are parsed in these. */
  turns: Turns;
  logLevel: string;
  logStream: { write(line: string): void };
}

/** Bytes a JSON body may have. */
const maxJsonBodySize = 1024 * 1024;

/** Headers of our answers that a page on another origin may read. */
const exposedHeaders = [
  'Content-Disposition',
  'Content-Range',
  'Accept-Ranges',
  'ETag',
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Retry-After',
  'WWW-Authenticate',
  'Location',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Metadata',
  'Upload-Concat',
  'Upload-Expires',
  'Upload-Document-Key',
  'Upload-Complete',
  'Upload-Limit',
  'Repr-Digest',
];

/** Default security headers. Nothing we send is a page, so nothing may run script or be framed. Downloads and the explorer set their own. */
const securityOptions: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
    },
  },
  // Apollo Sandbox logs in by a window of its own.
  crossOriginOpenerPolicy: { policy: 'same-origin-allow-popups' },
  // Says less than frame-ancestors, and would forbid what a signed URL's policy permits.
  xFrameOptions: false,
  // Whoever adds TLS decides for the whole host.
  strictTransportSecurity: false,
};

/** The headers as helmet makes them for any request. It would make them anew for each. */
function securityHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  const collector = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => {},
  };
  helmet(securityOptions)({} as IncomingMessage, collector as unknown as ServerResponse, (error) => {
    if (error) throw error;
  });
  return headers;
}

/** Stands for every path that cannot be decoded; no route has it. */
const undecodablePath = '/%25';

/** Some clients add it to the address that they are given. */
export const slashAfterGraphql = /(?<=^\/graphql)\/(?=$|\?)/;

/** No route has a schema. Fastify would load what compiles them, which is 2 MiB. */
const compile = () => {
  throw new Error('Routes have no schemas.');
};
const withoutSchemas = { buildValidator: () => compile, buildSerializer: () => compile };

/** The HTTP server without routes: request ids, log lines, errors, CORS, and early answers that leave connections usable. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const trust = trustProxies(options.trustedProxies);
  const server = Fastify({
    bodyLimit: maxJsonBodySize,
    forceCloseConnections: 'idle',
    genReqId: createRequestIds(trust),
    childLoggerFactory: (logger, bindings, childOptions, request) =>
      logger.child({ ...bindings, ...traceOf(request) }, childOptions),
    // An upload may take as long as it moves, and Node's own limit would be shorter than headersTimeout may be.
    http: {
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: 0,
      connectionsCheckingInterval: 1_000,
      // Node's own refusal has no body and no request id.
      requireHostHeader: false,
    },
    logController: new RequestLog(),
    logger: {
      level: options.logLevel,
      serializers: { req: loggedRequest, err: (err: unknown) => loggedError(err) },
      stream: options.logStream,
    },
    requestIdHeader: false,
    return503OnClosing: false,
    trustProxy: trust,
    // The router refuses paths that it cannot decode, and long parameters, before any hook has run.
    rewriteUrl: ({ url = '/' }) => (isDecodable(url) ? url.replace(slashAfterGraphql, '') : undecodablePath),
    routerOptions: { maxParamLength: maxHeaderSize },
    schemaController: { compilersFactory: withoutSchemas },
  });
  readInTurns(server.server, options.turns);
  gatherChunks(server.server);
  boundConnections(server.server, {
    max: options.maxConnectionsOfAddress,
    trust,
    onRefused: (address) => server.log.warn({ address }, 'an address has too many connections'),
  });
  closeUnusedAtStop(server, options.headersTimeoutMs);
  traceRequests(server);
  registerAnswerHooks(server);
  watchAnswers(server, options.stallTimeoutMs);
  await server.register(cors, {
    origin: options.corsOrigins.includes('*') ? '*' : [...options.corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    exposedHeaders,
    maxAge: 86_400,
    strictPreflight: false,
  });
  registerErrorHandler(server);
  refuseUnfit(server);
  return server;
}

function registerAnswerHooks(server: FastifyInstance): void {
  let isStopping = false;
  const headers = securityHeaders();
  // None of these hooks is async: a promise for each would cost more than what they do.
  server.addHook('onRequest', (request, reply, done) => {
    dropEmptyCredential(request.raw);
    reply.headers(headers).header('x-request-id', request.id);
    done();
  });
  server.addHook('onSend', ({ raw }, reply, _payload, done) => {
    const hasBody =
      raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length']) > 0;
    if (hasBody) void drainRequest(raw);
    // A server that stops would wait for connections that are merely kept for a next request.
    if (isStopping || !server.server.listening) reply.header('connection', 'close');
    done();
  });
  // Before the first connection is closed.
  server.addHook('preClose', async () => {
    isStopping = true;
  });
}

/** Clients that do not read would hold on to their answers' memory, and downloads to the store. */
function watchAnswers(server: FastifyInstance, stallTimeoutMs: number): void {
  const pace = new AnswerPace({ stallTimeoutMs, minBytesPerSecond });
  server.addHook('onSend', ({ log }, reply, _payload, done) => {
    pace.watch(reply.raw, () => {
      log.info('the answer is not taken');
      reply.raw.destroy();
    });
    done();
  });
}

/** As proxies are sent it. The router takes none without a host, or with a fragment. */
const wholeAddress = /^https?:\/\/[^/?#][^#]*$/i;

function isDecodable(url: string): boolean {
  try {
    decodeURI(url.split('?', 1)[0] ?? '');
    return !/^[a-z]+:/i.test(url) || (wholeAddress.test(url) && URL.canParse(url));
  } catch {
    return false;
  }
}
