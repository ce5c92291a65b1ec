import type { IncomingMessage } from 'node:http';
import { v7 as uuidv7 } from 'uuid';
import type { Trust } from './trust-proxies.js';

/** An id of a proxy: no character of it needs escaping in a header, a log line or a shell. */
const safeId = /^[\w.:+=@/-]{1,128}$/;

/** A `traceparent` of any version (W3C Trace Context): the ids of the trace and of its caller's span, neither of them zero. */
const traceparent = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/;

/** A maker of request ids: that in `X-Request-Id` if a trusted proxy sends it and it is short and safe, else a new one. */
export function createRequestIds(trust: Trust): (request: IncomingMessage) => string {
  return ({ headers, socket: { remoteAddress } }) => {
    const given = headers['x-request-id'];
    const isTaken = typeof given === 'string' && safeId.test(given) && trust(remoteAddress ?? '', 0);
    return isTaken ? given : uuidv7();
  };
}

/** For the log lines of a request: the trace that its caller has begun. */
export function traceOf({ headers: { traceparent: given } }: IncomingMessage): { traceId?: string } {
  const [, traceId] = traceparent.exec(String(given)) ?? [];
  return traceId === undefined ? {} : { traceId };
}

/** A scheme without a credential behind it, or nothing at all: tools send that if their user has none. */
const noCredential = /^\s*(?:(?:basic|bearer)\s*)?$/i;

/** Has an Authorization header without a credential in it count as none. */
export function dropEmptyCredential({ headers }: IncomingMessage): void {
  if (headers.authorization !== undefined && noCredential.test(headers.authorization)) {
    delete headers.authorization;
  }
}
