import type { FastifyInstance } from 'fastify';

/** Logger for events that belong to no request. */
export type Log = FastifyInstance['log'];

/** For commands, which tell what has failed by their own end. */
export const silentLog = { error: () => {}, warn: () => {} };
