import type { FastifyInstance, FastifyRequest } from 'fastify';

const timedOut = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Closes connections that take longer than `timeoutMs` to send the body of a request that `applies` to. */
export function limitBodyTime(
  scope: FastifyInstance,
  timeoutMs: number,
  applies: (request: FastifyRequest) => boolean,
): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  scope.addHook('onRequest', async (request) => {
    if (!applies(request)) return;
    const { socket } = request.raw;
    timers.set(
      request,
      setTimeout(() => socket.end(timedOut, () => socket.destroy()), timeoutMs),
    );
  });
  scope.addHook('preHandler', async (request) => clearTimeout(timers.get(request)));
  scope.addHook('onResponse', async (request) => clearTimeout(timers.get(request)));
  scope.addHook('onRequestAbort', async (request) => clearTimeout(timers.get(request)));
}
