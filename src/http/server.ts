import cors from '@fastify/cors';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { drainRequest } from './drain-request.js';
import { answerError, registerErrorHandler } from './error-handler.js';

export interface ServerOptions {
  corsOrigins: readonly string[];
  headersTimeoutMs: number;
  logLevel: string;
  logStream: { write(line: string): void };
}

/** Bytes a JSON body may have. */
export const maxJsonBodySize = 1024 * 1024;

/** What a browser page on another origin may read of our answers. */
const exposedHeaders = ['Content-Disposition', 'Content-Range', 'Accept-Ranges', 'ETag', 'X-Request-Id'];

/** The HTTP server without routes: request ids, log lines, errors, CORS, and early answers that leave connections usable. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const server = Fastify({
    bodyLimit: maxJsonBodySize,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    genReqId: () => uuidv7(),
    http: { headersTimeout: options.headersTimeoutMs, connectionsCheckingInterval: 1_000 },
    logController: new LogController({ disableRequestLogging: true }),
    logger: { level: options.logLevel, stream: options.logStream },
    requestIdHeader: false,
  });
  registerErrorHandler(server);
  registerAnswerHooks(server);
  await server.register(cors, {
    origin: options.corsOrigins.includes('*') ? '*' : [...options.corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS'],
    exposedHeaders,
    maxAge: 86_400,
  });
  return server;
}

function registerAnswerHooks(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff' });
  });
  server.addHook('onSend', async ({ raw }) => {
    const hasBody =
      raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length']) > 0;
    if (hasBody) void drainRequest(raw);
  });
  // A query may hold a signature, and behind /uploads/ comes a token: neither is logged.
  server.addHook('onResponse', async (request, reply) => {
    const path = request.url.split('?', 1)[0]?.replace(/^(\/uploads\/).*/, '$1');
    const { statusCode, elapsedTime } = reply;
    request.log.info(
      { method: request.method, path, status: statusCode, ms: Math.round(elapsedTime) },
      'answered',
    );
  });
}
