import { randomUUID } from 'node:crypto';
import { createHandler, type Handler, type RequestParams } from 'graphql-sse';
import { fault } from '../../errors.js';
import type { Turns } from '../../limits/turns.js';
import { turnOf } from '../context.js';
import {
  acceptOf,
  assertOperationId,
  EventStream,
  eventStream,
  noStream,
  refusalOf,
  type StreamRequest,
  tokenOf,
} from './event-stream.js';
import type { Session } from './open-session.js';
import type { Subscriptions } from './subscriptions.js';

/** One event stream: that of a reservation, or of a single operation. */
export interface Stream {
  events: EventStream;
  authorization: string;
  /** Null until something is subscribed to. */
  session: Session | null;
  /** Ends of the subscriptions on it. */
  endings: Set<() => void>;
}

/** An operation of a request, for a stream on which it has an id unless it is the only one. */
export interface StreamedOperation {
  request: StreamRequest;
  stream: Stream;
  id: string | null;
}

/** Executes an operation, or subscribes. The result sends its events by itself, and yields only what is wrong. Never throws for a fault that can be told as an event. */
export type Operate = (operation: StreamedOperation) => Promise<AsyncIterable<object>>;

/** An answer that is no stream. */
export interface PlainAnswer {
  status: number;
  body: string;
}

interface StreamProtocolDependencies {
  subscriptions: Subscriptions;
  turns: Turns;
  operate: Operate;
}

interface Asked {
  token: string | null;
  operation: Omit<StreamedOperation, 'id'>;
}

/** A reservation is given up unless its client connects by then. */
const reservationMs = 10_000;

/**
 * Serves operations of every kind by the protocol graphql-sse: each on a stream of its own, or many on one that was reserved,
 * which is its maker's alone. Knows no sockets.
 */
export class StreamProtocol {
  readonly #subscriptions: Subscriptions;
  readonly #turns: Turns;
  readonly #reserved = new Map<string, Stream>();
  readonly #open = new Set<EventStream>();
  readonly #handle: Handler<null, Asked>;

  constructor({ subscriptions, turns, operate }: StreamProtocolDependencies) {
    this.#subscriptions = subscriptions;
    this.#turns = turns;
    this.#handle = createHandler<null, Asked>({
      authenticate: ({ context: { token } }) => token,
      // A list of faults or of events is an answer; the protocol would take what throws for a fault of its own.
      onSubscribe: async ({ context: { token, operation } }, { extensions }: RequestParams) =>
        operate({ ...operation, id: token && String(extensions?.['operationId']) }),
    });
  }

  /** How many streams are open. */
  get count(): number {
    return this.#open.size;
  }

  /** Throws NOT_FOUND for the stream of somebody else, BAD_USER_INPUT for what is not of the protocol, and what `operate` throws. */
  async answer(request: StreamRequest): Promise<EventStream | PlainAnswer> {
    if (request.method === 'PUT') return this.#reserve(request);
    const token = tokenOf(request);
    if (token === null) return this.#serveOne(request);
    const stream = this.#reserved.get(token);
    // As if it had never been.
    if (stream?.authorization !== request.authorization) throw noStream();
    assertOperationId(request);
    return this.#ask({ token, operation: { request, stream } });
  }

  /** Ends all streams. */
  closeAll(): void {
    for (const events of this.#open) events.close();
  }

  async #reserve(request: StreamRequest): Promise<EventStream | PlainAnswer> {
    const token = randomUUID();
    const stream = this.#newStream(request);
    try {
      stream.session = hold(this.#subscriptions, stream, request);
      const answer = await this.#ask({ token, operation: { request, stream } });
      this.#reserved.set(token, stream);
      const timer = setTimeout(() => stream.events.destroy(), reservationMs).unref();
      stream.events.once('resume', () => clearTimeout(timer));
      stream.events.once('close', () => this.#forget(token));
      return answer;
    } catch (error) {
      stream.events.destroy();
      throw error;
    }
  }

  async #serveOne(request: StreamRequest): Promise<EventStream | PlainAnswer> {
    const stream = this.#newStream(request);
    try {
      request.facts.onClosed?.(() => stream.events.destroy());
      return await this.#ask({ token: null, operation: { request, stream } });
    } catch (error) {
      stream.events.destroy();
      throw error;
    }
  }

  #newStream({ facts: { address, logError }, viewer, authorization }: StreamRequest): Stream {
    const inTurn = (run: () => void) => this.#turns.enqueue(turnOf(viewer), run);
    const events = new EventStream({ address, logError, inTurn });
    const stream: Stream = { events, authorization, session: null, endings: new Set() };
    this.#open.add(events);
    events.once('close', () => {
      this.#open.delete(events);
      for (const end of stream.endings) end();
      stream.session?.release();
    });
    return stream;
  }

  async #ask(asked: Asked): Promise<EventStream | PlainAnswer> {
    const { request, stream } = asked.operation;
    const { method, url, headers, parameters } = request;
    const [body, { status }] = await this.#handle({
      method,
      url,
      headers: { get: (name) => (name === 'accept' ? acceptOf(request) : String(headers[name] ?? '')) },
      body: parameters as Record<string, unknown>,
      raw: null,
      context: asked,
    });
    if (status >= 400) throw refusalOf(status, body);
    if (body === null || typeof body === 'string') return { status, body: body ?? '' };
    void pump(body, stream.events);
    return stream.events;
  }

  /** The protocol keeps a reservation until a client has come and gone. */
  async #forget(token: string): Promise<void> {
    this.#reserved.delete(token);
    const request = { method: 'GET', url: '', body: null, raw: null };
    const headers = { get: () => eventStream };
    const context = { token } as Asked;
    const [body] = await this.#handle({ ...request, headers, context });
    if (body !== null && typeof body !== 'string') await body.return();
  }
}

/** The session of a stream. Throws FORBIDDEN, or RATE_LIMITED past a limit. */
export function hold(
  subscriptions: Subscriptions,
  { events }: Stream,
  { viewer, authorization }: StreamRequest,
): Session {
  const session = subscriptions.hold({ viewer, authorization }, events);
  if (session) return session;
  const msg = 'Too many sockets and event streams are open.';
  throw fault('too_many_connections', [], msg, { message: msg });
}

/** Sends what the protocol has to say beside the events: comments, faults and ends. */
async function pump(texts: AsyncGenerator<string>, events: EventStream): Promise<void> {
  events.once('close', () => void texts.return(undefined).catch(events.logError));
  try {
    for await (const text of texts) await events.sendPieces([Buffer.from(text)]);
    events.finish();
  } catch (error) {
    events.logError(error);
    events.close();
  }
}
