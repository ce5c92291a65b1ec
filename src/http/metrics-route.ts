import type { FastifyInstance } from 'fastify';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous } from './admit-request.js';

/** One answered request, in terms of which there are only a few. */
export interface AnsweredRequest {
  method: string;
  /** The pattern, such as `/attachments/:id/*`; `none` where no route matched. */
  route: string;
  /** `2xx`, and so on. */
  status: string;
  seconds: number;
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Tells of every answer. To be called before the routes are added. */
export function measureRequests(server: FastifyInstance, observe: (request: AnsweredRequest) => void): void {
  server.addHook('onResponse', async ({ method, is404, routeOptions }, { statusCode, elapsedTime }) => {
    observe({
      method: methods.has(method) ? method : 'other',
      route: is404 ? 'none' : (routeOptions.url ?? 'none'),
      status: `${Math.floor(statusCode / 100)}xx`,
      seconds: elapsedTime / 1_000,
    });
  });
}

/**
 * Adds `GET /metrics`, open to everybody: what it says is of the service as a whole, never of a tenant. Whoever asks while it is
 * made gets the same.
 */
export function registerMetrics(
  server: FastifyInstance,
  anonymous: NetworkRate | null,
  scrape: () => Promise<{ contentType: string; text: string }>,
): void {
  let making: ReturnType<typeof scrape> | null = null;
  server.get('/metrics', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    making ??= scrape().finally(() => {
      making = null;
    });
    const { contentType, text } = await making;
    return reply.header('cache-control', 'no-store').type(contentType).send(text);
  });
}
