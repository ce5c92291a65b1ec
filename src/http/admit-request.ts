import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/admit.js';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError } from '../errors.js';
import type { Rate } from '../limits/rate-limiter.js';

/** Whose request this is; its answer, whichever it is, tells what is left of the credential's rate. */
export async function admitRequest(
  admit: Admit,
  { headers: { authorization }, ip: address }: FastifyRequest,
  reply: FastifyReply,
): Promise<Viewer> {
  if (authorization === undefined) throw new AttachmentError('UNAUTHENTICATED');
  return admit({ authorization, address, tell: (rate) => void reply.headers(rateHeaders(rate)) });
}

/** `X-RateLimit-Reset` is an instant, in seconds since 1970. */
function rateHeaders({ limit, remaining, resetsAt }: Rate) {
  return {
    'x-ratelimit-limit': limit,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': Math.ceil(resetsAt.getTime() / 1_000),
  };
}
