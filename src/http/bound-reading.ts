import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { TurnKey, Turns } from '../limits/turns.js';

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
