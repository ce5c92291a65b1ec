import type { FastifyRequest } from 'fastify';
import { AttachmentError } from '../errors.js';

/** Kinds of bodies that a browser sends to another origin without asking first. */
const simpleTypes = new Set(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain', '']);
const preflightHeaders = ['apollo-require-preflight', 'x-apollo-operation-name'];

/**
 * Refuses, before any byte of the body is parsed, what a foreign page could have sent with no preflight: such a request must
 * carry a header that forces one.
 */
export function assertPreflighted(request: FastifyRequest): void {
  if (request.method !== 'POST') return;
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!simpleTypes.has(type) || preflightHeaders.some((name) => request.headers[name])) return;
  const msg = 'Requests of this content type need the header Apollo-Require-Preflight: true.';
  throw new AttachmentError('BAD_USER_INPUT', {
    message: msg,
    details: [{ loc: ['headers', 'apollo-require-preflight'], msg, type: 'csrf' }],
  });
}
