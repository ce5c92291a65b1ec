import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import type { Shares } from '../limits/networks.js';
import { NetworkPlaces } from '../limits/places.js';
import type { TurnKey, Turns } from '../limits/turns.js';
import { isAsked } from './read-in-turns.js';

const shares: Shares = [1, 2, 4];

/** Between two notes of connections that were refused. */
const noteMs = 60_000;

export interface ConnectionLimits {
  /** Connections of one address at once, and by its shares of the networks around it; 0 is off. */
  max: number;
  /** Proxies, which have many clients behind them. */
  trust(address: string, hop: number): boolean;
  /** Told of an address at its limit, at most once a minute. */
  onRefused(address: string): void;
}

/** Closes connections of an address that has too many, whatever they are used for, or if they are idle. */
export function boundConnections(server: Server, { max, trust, onRefused }: ConnectionLimits): void {
  if (max === 0) return;
  const places = new NetworkPlaces(max, shares);
  const known = new WeakSet<Socket>();
  let notedAt = Number.NEGATIVE_INFINITY;
  // Before Node's own listener, so that nothing is read.
  server.prependListener('connection', (socket) => {
    // A connection is announced again after an offer of another protocol.
    if (known.has(socket)) return;
    known.add(socket);
    const { remoteAddress: address } = socket;
    if (address !== undefined && trust(address, 0)) return;
    const release = places.take(address);
    if (release) return void socket.once('close', release);
    socket.destroy();
    if (performance.now() - notedAt < noteMs) return;
    notedAt = performance.now();
    onRefused(address ?? '');
  });
}

/** Between two looks at connections that have brought nothing, in milliseconds. */
const unusedMs = 100;

/**
 * Closes connections that have never brought a byte once the server stops. Node waits for them as if a request were under way.
 * Browsers and HTTP clients open some in reserve. The first bytes of a request may be on their way, so they have a moment. Those
 * that have brought a part of a head have the time for heads, by which Node itself goes no more once it stops.
 */
export function closeUnusedAtStop(server: FastifyInstance, headersTimeoutMs: number): void {
  const open = new Set<Socket>();
  server.server.on('connection', (socket) => {
    // A connection is announced again after an offer of another protocol.
    if (open.has(socket)) return;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  keepUnasked(server.server, open);
  let hasStopped = false;
  server.addHook('onClose', async () => {
    hasStopped = true;
  });
  server.addHook('preClose', async () => {
    const unasked = [...open].filter((socket) => !isAsked(socket));
    const closeUnasked = () => {
      for (const socket of unasked) if (!isAsked(socket)) socket.destroy();
    };
    setTimeout(closeUnasked, headersTimeoutMs).unref();
    void (async () => {
      while (!hasStopped) {
        const unused = [...open].filter(({ bytesRead }) => bytesRead === 0);
        await sleep(unusedMs, undefined, { ref: false });
        for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
      }
    })();
  });
}

/**
 * Keeps connections without a request from being closed with the idle ones. From version 26 on Node counts them so from their start,
 * and the bytes of a request may be on their way, or wait for their turn.
 */
function keepUnasked(server: Server, open: ReadonlySet<Socket>): void {
  const asked = new WeakSet<Socket>();
  server.on('request', ({ socket }) => asked.add(socket));
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    const unasked = [...open].filter((socket) => !asked.has(socket));
    for (const socket of unasked) socket.destroy = () => socket;
    closeIdle();
    // The method of its class is there again.
    for (const socket of unasked) Reflect.deleteProperty(socket, 'destroy');
  };
}

/** How many frames (messages, pings, pongs) are read of one client. */
export interface ReadingLimits {
  /** On average. */
  perSecond: number;
  /** At once, after a while of silence. */
  burst: number;
}

const usualLimits: ReadingLimits = { perSecond: 100, burst: 500 };

/** How long reading pauses for a client that has sent too much. */
const restMs = 100;

/**
 * Reads what a client sends at a bounded rate, and never more than one piece of it in a turn of its owner's, behind the messages
 * that wait for theirs. Whoever sends more waits: nothing is lost. The socket must let one event out at a time
 * (`allowSynchronousEvents: false`).
 */
export function boundReading(
  { socket, stream, turns, key }: { socket: WebSocket; stream: Duplex; turns: Turns; key: TurnKey },
  limits: ReadingLimits = usualLimits,
): void {
  let left = limits.burst;
  let countedAt = performance.now();
  let isResting = false;
  const count = () => {
    left -= 1;
  };
  const readOn = () => {
    const now = performance.now();
    left = Math.min(limits.burst, left + ((now - countedAt) * limits.perSecond) / 1_000);
    countedAt = now;
    if (left < 1 && socket.readyState === socket.OPEN) return void setTimeout(readOn, restMs).unref();
    isResting = false;
    socket.resume();
  };
  socket.on('message', count).on('ping', count).on('pong', count);
  stream.on('data', () => {
    if (isResting || socket.readyState !== socket.OPEN) return;
    isResting = true;
    socket.pause();
    turns.enqueue(key, readOn);
  });
}

/** Answers pings. Of those that come while an answer is on its way only the last is answered, as RFC 6455 permits. */
export function answerPings(socket: WebSocket): void {
  let unanswered: Buffer | null = null;
  let isAnswering = false;
  const answer = () => {
    isAnswering = unanswered !== null && socket.readyState === socket.OPEN;
    if (unanswered === null || !isAnswering) return;
    const data = unanswered;
    unanswered = null;
    socket.pong(data, undefined, answer);
  };
  socket.on('ping', (data) => {
    unanswered = data;
    if (!isAnswering) answer();
  });
}

export const tryAgainLater = 1013;

/** Time that a client may take to answer the closing of its socket. */
export const closingMs = 1_000;

/** Bytes of replies that may wait for one client to read them. */
const maxUnsent = 1024 * 1024;

/** Closes a socket, and cuts it off if its client does not answer. */
export function closeSoon(socket: WebSocket, code?: number, reason?: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), closingMs).unref();
}

/**
 * Sends replies to what a client says, which do not wait for each other: a client that reads none of them is cut off. Resolves
 * once the reply has left this process.
 */
export function createReplySender(socket: WebSocket): (text: string) => Promise<void> {
  let unsent = 0;
  return (text) =>
    new Promise((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      if (unsent > maxUnsent) socket.terminate();
      unsent += text.length;
      // A socket that fails meanwhile is told of by its close.
      socket.send(text, () => {
        unsent -= text.length;
        resolve();
      });
    });
}

export interface PieceSender {
  /** Sends one message of these pieces, after those before it. Resolves once they have left this process, or never will. */
  sendPieces(pieces: readonly Buffer[]): Promise<void>;
  /** Whether the client has a message to take. */
  isSending(): boolean;
}

/** Sends messages one after the other, each once its client has taken the one before. A client that is too slow is closed. */
export function createPieceSender(socket: WebSocket, readingMs: number): PieceSender {
  let last = Promise.resolve();
  let isSending = false;
  const send = (pieces: readonly Buffer[]) =>
    new Promise<void>((resolve) => {
      if (socket.readyState !== socket.OPEN) return resolve();
      const onTooSlow = () => closeSoon(socket, tryAgainLater, 'Events are read too slowly');
      const timer = setTimeout(onTooSlow, readingMs).unref();
      isSending = true;
      const onSent = () => {
        isSending = false;
        clearTimeout(timer);
        resolve();
      };
      for (const [index, piece] of pieces.entries()) {
        const isLast = index === pieces.length - 1;
        socket.send(piece, { binary: false, fin: isLast }, isLast ? onSent : undefined);
      }
    });
  const sendPieces = (pieces: readonly Buffer[]) => {
    last = last.then(() => send(pieces));
    return last;
  };
  return { sendPieces, isSending: () => isSending };
}
