import type { FastifyInstance } from 'fastify';

/** Where what happens outside of a request is told. */
export type Log = FastifyInstance['log'];
