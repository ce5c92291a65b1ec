import { TOKEN_HEADER_KEY, TOKEN_QUERY_KEY } from 'graphql-sse';
import type { Viewer } from '../../auth/viewer.js';
import { type AttachmentError, type FaultTypeOf, fault } from '../../errors.js';
import type { RequestFacts } from '../context.js';

/** A request of the protocol, by somebody whose credential is good. */
export interface StreamRequest {
  method: string;
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body, or the parameters of the URL. */
  parameters: unknown;
  viewer: Viewer;
  authorization: string;
  facts: RequestFacts;
}

const maxOperationId = 255;
export const eventStream = 'text/event-stream';

export function tokenOf({ headers, url }: StreamRequest): string | null {
  const inHeader = headers[TOKEN_HEADER_KEY];
  if (typeof inHeader === 'string' && inHeader !== '') return inHeader;
  return new URL(url, 'http://localhost/').searchParams.get(TOKEN_QUERY_KEY);
}

/** Clients name what else they take, too, which the protocol does not look for. */
export function acceptOf({ headers: { accept = '*/*' } }: StreamRequest): string {
  const given = String(accept).toLowerCase();
  return [eventStream, '*/*'].find((type) => given.includes(type)) ?? given;
}

/** In a URL they are JSON; the protocol refuses what is none. */
function extensionsOf({ parameters }: StreamRequest): { operationId?: unknown } {
  const { extensions } = (parameters ?? {}) as { extensions?: unknown };
  try {
    return (typeof extensions === 'string' ? JSON.parse(extensions) : extensions) ?? {};
  } catch {
    return {};
  }
}

export function assertOperationId(request: StreamRequest): void {
  const { operationId = '' } = extensionsOf(request);
  const loc = ['extensions', 'operationId'];
  // The protocol's library looks for ids in a plain object.
  if (typeof operationId !== 'string' || operationId in Object.prototype) {
    const msg = 'The id of an operation must be a text, and no word of JavaScript such as constructor.';
    throw fault('event_stream', loc, msg, { message: msg });
  }
  if (operationId.length <= maxOperationId) return;
  const msg = `The id of an operation may have at most ${maxOperationId} characters.`;
  throw fault('too_long', loc, msg, { code: 'BAD_USER_INPUT', message: msg, limit: maxOperationId });
}

export function noStream(): AttachmentError {
  const msg = 'There is no such event stream.';
  return fault('not_found', ['headers', TOKEN_HEADER_KEY], msg, { message: msg });
}

/** A refusal of the protocol by our codes. */
export function refusalOf(status: number, body: unknown): AttachmentError {
  const { errors } = JSON.parse(String(body ?? '{}')) as { errors?: { message: string }[] };
  const msg = `${errors?.[0]?.message ?? sentenceOf(status)}.`;
  const type: FaultTypeOf<'BAD_USER_INPUT'> = status === 409 ? 'event_stream_taken' : 'event_stream';
  return fault(type, ['request'], msg, { message: msg });
}

function sentenceOf(status: number): string {
  if (status === 415) return 'The body must be JSON';
  return `The request must accept ${eventStream}, or be one of a reserved stream`;
}
