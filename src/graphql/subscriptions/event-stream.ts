import { Readable } from 'node:stream';
import { TOKEN_HEADER_KEY, TOKEN_QUERY_KEY } from 'graphql-sse';
import type { Viewer } from '../../auth/viewer.js';
import { type AttachmentError, type FaultTypeOf, fault } from '../../errors.js';
import type { RequestFacts } from '../context.js';
import type { Connection } from './open-session.js';

/** A client has so long to take the rest once its stream has ended. */
const closingMs = 1_000;

interface Message {
  pieces: readonly Buffer[];
  /** The index of the piece that comes next. */
  next: number;
  onSent(): void;
}

interface EventStreamOptions {
  address: string;
  logError(error: unknown): void;
  /** Calls `run` when it is this client's turn. */
  inTurn(run: () => void): void;
}

/** The events for one client, as bytes. Each message is handed on once the client has room for it, and none is read ahead. */
export class EventStream extends Readable implements Connection {
  readonly address: string;
  readonly logError: (error: unknown) => void;
  readonly #inTurn: (run: () => void) => void;
  readonly #queue: Message[] = [];
  #isWanted = false;
  #isEnding = false;

  constructor({ address, logError, inTurn }: EventStreamOptions) {
    super({ highWaterMark: 0 });
    this.address = address;
    this.logError = logError;
    this.#inTurn = inTurn;
  }

  isOpen(): boolean {
    return !this.destroyed && !this.#isEnding;
  }

  /** The credential has come with the request. */
  identified(): void {}

  /** Ends it in the middle of what it tells, so that its client knows that this is not all. */
  close(): void {
    if (!this.isOpen()) return;
    this.#isEnding = true;
    this.#settle();
    this.push(null);
    setTimeout(() => this.destroy(), closingMs).unref();
  }

  /** Ends it after the last message. */
  finish(): void {
    this.#isEnding = true;
    this.#feed((run) => run());
  }

  /** To be called in a turn. */
  sendPieces(pieces: readonly Buffer[]): Promise<void> {
    return new Promise((resolve) => {
      if (!this.isOpen()) return resolve();
      this.#queue.push({ pieces, next: 0, onSent: resolve });
      this.#feed((run) => run());
    });
  }

  override _read(): void {
    this.#isWanted = true;
    // Copying a piece to the system takes as long as making it, and hundreds of clients may want theirs at once.
    this.#feed(this.#inTurn);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#settle();
    done(error);
  }

  /** Asked for more, the client has taken the piece before. */
  #feed(begin: (run: () => void) => void): void {
    if (!this.#isWanted) return;
    while (this.#queue[0] && this.#queue[0].next === this.#queue[0].pieces.length) {
      this.#queue.shift()?.onSent();
    }
    const [message] = this.#queue;
    if (!message && !this.#isEnding) return;
    this.#isWanted = false;
    begin(() => this.#pushOf(message));
  }

  #pushOf(message: Message | undefined): void {
    if (message !== this.#queue[0] || this.destroyed) return;
    this.push(message?.pieces[message.next] ?? null);
    if (message) message.next += 1;
  }

  #settle(): void {
    for (const { onSent } of this.#queue.splice(0)) onSent();
  }
}

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
