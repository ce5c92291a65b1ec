import type { FastifyInstance } from 'fastify';

/** Each check is named, and throws where its part does not work. */
export type Checks = Record<string, () => Promise<unknown>>;

/** GET /health/live: the process answers. GET /health/ready: it can do its work, or 503 with the names of what cannot. */
export function registerHealth(server: FastifyInstance, checks: Checks): void {
  server.get('/health/live', async () => ({ status: 'ok' }));
  server.get('/health/ready', async (request, reply) => {
    const failing: string[] = [];
    for (const [name, check] of Object.entries(checks)) {
      try {
        await check();
      } catch (err) {
        request.log.error({ err, check: name }, 'not ready');
        failing.push(name);
      }
    }
    if (failing.length === 0) return { status: 'ok' };
    return reply.code(503).send({ status: 'unavailable', failing });
  });
}
