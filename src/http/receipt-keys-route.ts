import type { FastifyInstance } from 'fastify';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous } from './admit-request.js';

/** Seconds for which a verifier may keep the keys. */
const maxAge = 300;

/** Adds `GET /.well-known/jwks.json`, open to everybody: the public keys of receipts as a JWK set (RFC 7517). */
export function registerReceiptKeys(
  server: FastifyInstance,
  anonymous: NetworkRate | null,
  keys: readonly object[],
): void {
  server.get('/.well-known/jwks.json', async (request, reply) => {
    await admitAnonymous(anonymous, request, reply);
    return reply.header('cache-control', `public, max-age=${maxAge}`).send({ keys });
  });
}
