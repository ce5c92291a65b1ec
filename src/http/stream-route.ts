import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertPermitted } from '../auth/permission-table.js';
import { fault } from '../errors.js';
import { EventStream } from '../graphql/subscriptions/event-stream.js';
import { readAuthorization } from '../graphql/subscriptions/open-session.js';
import type { StreamProtocol } from '../graphql/subscriptions/stream-protocol.js';
import type { StreamRequest } from '../graphql/subscriptions/stream-requests.js';
import { type GraphqlRequestDependencies, isMultipart, readGraphqlRequests } from './graphql-requests.js';

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
