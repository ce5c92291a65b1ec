import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

/** Each check is named, and throws where its part does not work. */
export type Checks = Record<string, () => Promise<unknown>>;

/**
 * GET /health/live: the process answers. GET /health/ready: it can do its work, or 503 with the names of what cannot. Anybody may
 * ask and a look writes to the storage, so those who ask at once share one.
 */
export function registerHealth(server: FastifyInstance, checks: Checks): void {
  let underWay: Promise<string[]> | null = null;
  const look = async (log: FastifyBaseLogger) => {
    const failing = await findFailing(checks, log);
    underWay = null;
    return failing;
  };
  server.get('/health/live', async () => ({ status: 'ok' }));
  server.get('/health/ready', async (request, reply) => {
    underWay ??= look(request.log);
    const failing = await underWay;
    if (failing.length === 0) return { status: 'ok' };
    return reply.code(503).send({ status: 'unavailable', failing });
  });
}

async function findFailing(checks: Checks, log: FastifyBaseLogger): Promise<string[]> {
  const failing: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
    } catch (err) {
      log.error({ err, check: name }, 'not ready');
      failing.push(name);
    }
  }
  return failing;
}
