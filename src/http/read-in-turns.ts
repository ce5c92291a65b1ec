import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { freeRead } from '../free-memory.js';
import { networksOf } from '../limits/networks.js';
import type { TurnKey, Turns } from '../limits/turns.js';

/** Lines that are parsed in one go: each header is one, and each chunk of a body two. */
const maxLines = 256;

/** Requests that are parsed in one go, and that may wait for an answer to an earlier one before no further is parsed. */
const maxRequests = 8;

const endOfLine = '\r\n';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

const inputs = new WeakMap<Socket, SocketInput>();

/**
 * Has what clients send parsed in small pieces, which take turns. Node parses at once all that has come: 64 KiB of one connection
 * are thousands of requests or of chunks, and all connections come before anybody else. Requests that come behind others on their
 * connection wait until those are answered, and what follows them is not read meanwhile.
 *
 * Beside 50 connections of 900 pipelined downloads no round of the event loop takes more than 11 ms, where one paused for 722 without
 * turns (docs/performance.md). `test/unit/api/read-in-turns.test.ts` guards that nothing is lost, and that answers keep their order.
 */
export function readInTurns(server: Server, turns: Turns): void {
  let count = 0;
  server.prependListener('connection', (socket) => {
    // A connection is announced again after an offer of another protocol.
    if (inputs.has(socket)) return;
    const group = networksOf(socket.remoteAddress).at(-1)?.key ?? '';
    count += 1;
    inputs.set(socket, new SocketInput(socket, turns, { group, id: String(count) }));
  });
  // Node's parser reads past the stream until somebody else listens to it.
  server.on('connection', (socket) => {
    const listener = () => undefined;
    socket.on('data', listener).off('data', listener);
  });
  const handlers = server.listeners('request') as Handle[];
  server.removeAllListeners('request');
  for (const handle of handlers) {
    server.on('request', (request, response) => {
      const input = inputs.get(request.socket);
      if (input) input.handle(request, response, handle);
      else handle(request, response);
    });
  }
}

/** Hands on what comes as it is, in turns still: to be called once it is no HTTP any more. */
export function readWholePieces(socket: Socket): void {
  inputs.get(socket)?.endHttp();
}

/** Whether a request has come over the connection whose answer has not ended. */
export const isAsked = (socket: Socket): boolean => inputs.get(socket)?.isAsked ?? false;

/** The bytes of one connection, between the network and its stream. */
class SocketInput {
  readonly #socket: Socket;
  readonly #turns: Turns;
  readonly #key: TurnKey;
  readonly #push: (chunk: Uint8Array | null) => boolean;
  readonly #read: (size: number) => void;
  /** Bytes that have come, and not been handed on. */
  readonly #pieces: Uint8Array[] = [];
  #isHttp = true;
  #isEnded = false;
  #isInRow = false;
  /** The stream has asked for more than there was. */
  #isWanted = false;
  /** Bytes that are sure to be of a body: parsing them costs nothing. */
  #ofBody = 0;
  /** Bytes that are being parsed and may be of a body: those behind the first head of a request. */
  #behindHead = 0;
  /** A request has offered another protocol. */
  #hasOffer = false;
  /** Requests whose answer comes after another. */
  #waiting = 0;
  /** Requests whose answer has not ended. */
  #unanswered = 0;

  constructor(socket: Socket, turns: Turns, key: TurnKey) {
    this.#socket = socket;
    this.#turns = turns;
    this.#key = key;
    this.#push = socket.push.bind(socket);
    this.#read = socket._read.bind(socket);
    socket.push = (chunk: Uint8Array | null) => this.#take(chunk);
    socket._read = (size) => this.#ask(size);
    socket.on('resume', () => this.#goOn());
  }

  get isAsked(): boolean {
    return this.#unanswered > 0;
  }

  /** Handles a request once it is its turn. */
  handle(request: IncomingMessage, response: ServerResponse, handle: Handle): void {
    // The bytes that are being parsed may have the beginning of it.
    this.#ofBody = Math.max(0, Number(request.headers['content-length'] ?? 0) - this.#behindHead);
    this.#unanswered += 1;
    response.once('close', () => {
      this.#unanswered -= 1;
    });
    // Only the answer that is being sent has the connection.
    if (response.socket) {
      handle(request, response);
      return;
    }
    this.#waiting += 1;
    response.once('socket', () => {
      this.#waiting -= 1;
      this.#goOn();
      setImmediate(() => this.#turns.run(this.#key, () => handle(request, response)));
    });
  }

  endHttp(): void {
    this.#isHttp = false;
    this.#ofBody = Number.POSITIVE_INFINITY;
  }

  /** Whether the network may bring more, as `push` says it. */
  #take(chunk: Uint8Array | null): boolean {
    if (chunk === null) this.#isEnded = true;
    else this.#pieces.push(chunk);
    if (this.#isInRow || this.#turns.isOver()) this.#goOn();
    else this.#handOn();
    return this.#pieces.length === 0 && this.#socket.readableLength < this.#socket.readableHighWaterMark;
  }

  #ask(size: number): void {
    if (this.#pieces.length === 0 && !this.#isEnded) this.#read(size);
    else {
      this.#isWanted = true;
      this.#goOn();
    }
  }

  #goOn(): void {
    if (this.#isInRow || !this.#mayHandOn()) return;
    this.#isInRow = true;
    this.#turns.enqueue(this.#key, () => {
      this.#isInRow = false;
      this.#handOn();
    });
  }

  #mayHandOn(): boolean {
    const { destroyed, readableFlowing } = this.#socket;
    if (destroyed || (this.#pieces.length === 0 && !this.#isEnded)) return false;
    return readableFlowing === true && this.#waiting <= maxRequests;
  }

  #handOn(): void {
    if (!this.#mayHandOn()) return;
    const isOfBody = this.#isHttp && this.#ofBody > 0;
    const [piece] = this.#pieces;
    const slice = this.#nextSlice();
    if (slice) this.#push(slice);
    // Node's parser has copied it; those of other protocols keep what they are given.
    if (slice && slice === piece && isOfBody && this.#socket.readableLength === 0) freeRead(slice);
    if (this.#pieces.length > 0) this.#goOn();
    else if (this.#isEnded) {
      this.#isEnded = false;
      this.#push(null);
    } else if (this.#isWanted) {
      this.#isWanted = false;
      this.#read(this.#socket.readableHighWaterMark);
    }
  }

  #nextSlice(): Uint8Array | null {
    const [piece] = this.#pieces;
    if (!piece) return null;
    const size = Math.min(piece.length, this.#ofBody > 0 ? this.#ofBody : this.#sizeOfSlice(piece));
    if (this.#ofBody > 0) {
      this.#ofBody -= size;
      this.#behindHead = size;
    }
    if (size === piece.length) {
      this.#pieces.shift();
      return piece;
    }
    this.#pieces[0] = piece.subarray(size);
    return piece.subarray(0, size);
  }

  /**
   * Bytes up to the last line, or the last head of a request, that is parsed in one go. Node's parser stops at the end of a request that
   * offers another protocol, and loses what is behind it in one piece: from then on a head, or the end of chunks, is the end of a piece.
   */
  #sizeOfSlice(piece: Uint8Array): number {
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    this.#behindHead = 0;
    if (this.#hasOffer && bytes[0] === 0x0a) return 1;
    let [end, heads, firstHead] = [0, 0, 0];
    for (let lines = 0; lines < maxLines && end < bytes.length; lines += 1) {
      if (heads >= (this.#hasOffer ? 1 : maxRequests)) break;
      this.#hasOffer ||= isOffer(bytes, end);
      const at = bytes.indexOf(endOfLine, end);
      if (at === end && ++heads === 1) firstHead = at + endOfLine.length;
      end = at === -1 ? bytes.length : at + endOfLine.length;
    }
    this.#behindHead = this.#hasOffer ? end - firstHead : end;
    return end;
  }
}

/** Whether a line is an Upgrade header. */
const isOffer = (bytes: Buffer, start: number): boolean =>
  (bytes[start] === 0x55 || bytes[start] === 0x75) &&
  bytes.toString('latin1', start, start + 8).toLowerCase() === 'upgrade:';

/**
 * Hands the chunks of a chunked body on together, as many as come in one piece from the network. A client can send a chunk for
 * each byte; each would be an object of some hundred bytes until it is used, and pass through every stream by itself.
 */
export function gatherChunks(server: Server): void {
  server.prependListener('request', (request) => {
    if (request.headers['transfer-encoding'] !== undefined) gatherChunksOf(request);
  });
}

function gatherChunksOf(request: IncomingMessage): void {
  const push = request.push.bind(request);
  let chunks: Uint8Array[] = [];
  let hasRoom = true;
  const handOn = () => {
    if (chunks.length === 0) return;
    const [first] = chunks;
    const piece = chunks.length === 1 && first ? first : Buffer.concat(chunks);
    chunks = [];
    hasRoom = push(piece);
  };
  request.push = (chunk: Uint8Array | null) => {
    if (chunk === null) {
      handOn();
      return push(null);
    }
    chunks.push(chunk);
    // Ticks and promises have their turn between two chunks already.
    if (chunks.length === 1) setImmediate(handOn);
    // Node stops reading the connection if there is none; one piece more may have come by then.
    return hasRoom;
  };
}
