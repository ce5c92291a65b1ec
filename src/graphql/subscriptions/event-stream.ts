import { Readable } from 'node:stream';
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
