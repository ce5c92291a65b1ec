import type { FastifyInstance } from 'fastify';

/** Where what happens outside of a request is told. */
export type Log = FastifyInstance['log'];

/** For commands, which tell what has failed by their own end. */
export const silentLog = { error: () => {}, warn: () => {} };
