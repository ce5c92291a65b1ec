import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertPermitted } from '../auth/viewer.js';
import { fault } from '../errors.js';
import { EventStream, type StreamRequest } from '../graphql/subscriptions/event-stream.js';
import { readAuthorization } from '../graphql/subscriptions/open-session.js';
import type { StreamProtocol } from '../graphql/subscriptions/stream-protocol.js';
import { answerUnderWay } from './answer-under-way.js';
import { type GraphqlRequestDependencies, isMultipart, readGraphqlRequests } from './graphql-requests.js';
import { readWholePieces } from './read-in-turns.js';
import { faultOfHead } from './refuse-unfit.js';
import { slashAfterGraphql } from './server.js';

/** Nothing between us and the client may keep, change or hold back what is told. */
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  // The end of a stream is that of its connection, also while we stop.
  connection: 'close',
};

/** Adds `/graphql/stream`: operations of every kind as event streams, by the protocol graphql-sse. Each request needs a credential. */
export function registerStreams(
  server: FastifyInstance,
  protocol: StreamProtocol,
  deps: GraphqlRequestDependencies,
): void {
  server.addHook('preClose', async () => protocol.closeAll());
  void server.register((scope, _options, done) => {
    scope.addHook('onRequest', async (request) => {
      if (!isMultipart(request)) return;
      const msg = 'The body must be JSON.';
      throw fault('media_type', ['body'], msg, { message: msg });
    });
    const factsOf = readGraphqlRequests(scope, deps);
    scope.route({
      method: ['GET', 'POST', 'PUT', 'DELETE'],
      url: '/graphql/stream',
      exposeHeadRoute: false,
      config: { inflatesJson: true },
      // ArrivingBody has the limit.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      handler: async (request, reply) => {
        const facts = factsOf(request);
        const viewer = assertPermitted(facts.viewer, []);
        return send(reply, await protocol.answer({ ...describe(request), viewer, facts }));
      },
    });
    done();
  });
}

function describe(request: FastifyRequest): Omit<StreamRequest, 'viewer' | 'facts'> {
  const { method, raw, headers, body, query } = request;
  const parameters = method === 'POST' ? body : query;
  return { method, url: raw.url ?? '', headers, parameters, authorization: readAuthorization(headers) };
}

function send(reply: FastifyReply, answer: Awaited<ReturnType<StreamProtocol['answer']>>): FastifyReply {
  if (answer instanceof EventStream) return reply.headers(headers).send(answer);
  const { status, body } = answer;
  return reply.code(status).type('text/plain; charset=utf-8').send(body);
}

export type AcceptUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/**
 * Hands WebSocket handshakes for `path` to `accept`. Node hands over every request with an Upgrade header once there is
 * somebody to take them, those of clients too that merely offer HTTP/2. These are answered as if they had not offered it
 * (RFC 9110, section 7.8). Either waits until all requests before it on the same connection have been answered.
 */
export function onWebSocketHandshake(server: Server, path: string, accept: AcceptUpgrade): void {
  const isHandedOver = (request: IncomingMessage) => !readsBodies || !hasBody(request);
  Object.assign(server, { shouldUpgradeCallback: isHandedOver });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    onceAnswered(socket, () => {
      if (isHandshake(request, path)) {
        readWholePieces(socket);
        accept(request, socket, head);
      } else answerWithoutUpgrade(server, request, socket, head);
    });
  });
}

/** From version 26 on Node reads the body of a request that it hands over, so it could not be read anew. It keeps such a request. */
const readsBodies = Number.parseInt(process.versions.node, 10) >= 26;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * A handshake whose headers are not fit is refused as any other request, and so is one with a body: its bytes would be taken for
 * messages, or those for its bytes. By HTTP/1.0 there is none.
 */
function isHandshake(request: IncomingMessage, path: string): boolean {
  const { method, url = '', httpVersion, headers } = request;
  const [target] = url.replace(slashAfterGraphql, '').split('?', 1);
  const isOffered = method === 'GET' && target === path && headers.upgrade?.toLowerCase() === 'websocket';
  return isOffered && httpVersion === '1.1' && !hasBody(request) && faultOfHead(request) === null;
}

/** Calls `next` after the last answer under way, at once if there is none, and never if the connection ends before. */
function onceAnswered(socket: Socket, next: () => void): void {
  const answer = answerUnderWay(socket);
  if (!answer) {
    next();
    return;
  }
  // Node has taken its own listeners off.
  const onError = () => socket.destroy();
  socket.once('error', onError);
  answer.once('close', () => {
    socket.off('error', onError);
    if (!socket.destroyed && !socket.writableEnded) onceAnswered(socket, next);
  });
}

/** Puts the request back in front of what has come after it, and has the connection read anew. */
function answerWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  // Between two answers Node counts how long the connection is idle.
  socket.setTimeout(0);
  // Others have their turns before the next of many such requests.
  const onError = () => socket.destroy();
  socket.once('error', onError);
  setImmediate(() => {
    socket.off('error', onError);
    if (socket.destroyed) return;
    socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    server.emit('connection', socket);
  });
}
