import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { type AttachmentError, fault } from '../errors.js';

export interface PaceLimits {
  /** The client is too slow when it sends nothing for so long, or less than `minBytesPerSecond` on average over so long. */
  stallTimeoutMs: number;
  minBytesPerSecond: number;
}

/** Minimum average rate of an upload or a download, in bytes per second. */
export const minBytesPerSecond = 1024;

/**
 * Reports a client that sends too slowly. Its clock runs only while we wait for the client: between `pause` and
 * `resume` it is we who are slow.
 */
export class PaceWatch {
  readonly #windowMs: number;
  readonly #minBytes: number;
  readonly #timer: NodeJS.Timeout;
  #waitedMs = 0;
  #waitingSince: number | null = performance.now();
  #lastByteAt = 0;
  #windowStart = 0;
  #windowBytes = 0;

  constructor(limits: PaceLimits, onTooSlow: () => void) {
    this.#windowMs = limits.stallTimeoutMs;
    this.#minBytes = (limits.minBytesPerSecond * limits.stallTimeoutMs) / 1000;
    const check = () => {
      if (this.#isTooSlow()) onTooSlow();
    };
    // After the poll phase, so that bytes that wait in the kernel while we are busy count for the client.
    this.#timer = setInterval(() => setImmediate(check), limits.stallTimeoutMs / 8);
  }

  count(bytes: number): void {
    this.#windowBytes += bytes;
    this.#lastByteAt = this.#waited();
  }

  pause(): void {
    this.#waitedMs = this.#waited();
    this.#waitingSince = null;
  }

  resume(): void {
    this.#waitedMs = this.#waited();
    this.#waitingSince = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #waited(): number {
    const current = this.#waitingSince === null ? 0 : performance.now() - this.#waitingSince;
    return this.#waitedMs + current;
  }

  #isTooSlow(): boolean {
    const now = this.#waited();
    if (now - this.#lastByteAt >= this.#windowMs) return true;
    if (now - this.#windowStart < this.#windowMs) return false;
    const tooSlow = this.#windowBytes < this.#minBytes;
    this.#windowStart = now;
    this.#windowBytes = 0;
    return tooSlow;
  }
}

export interface WatchedContent {
  /** Aborted, with a fault of type `timeout` as its reason, once the client is found too slow. */
  signal: AbortSignal;
  stop(): void;
}

/** Watches the pace of content that is piped away from this very moment on. While the pipe is full, nobody is too slow. */
export function watchPace(content: Readable, limits: PaceLimits): WatchedContent {
  const controller = new AbortController();
  const watch = new PaceWatch(limits, () => controller.abort(tooSlow()));
  const count = (chunk: Buffer) => watch.count(chunk.length);
  const pause = () => watch.pause();
  const resume = () => watch.resume();
  const stop = () => {
    watch.stop();
    content.off('data', count).off('pause', pause).off('resume', resume).off('end', stop);
  };
  content.on('data', count).on('pause', pause).on('resume', resume).on('end', stop);
  return { signal: controller.signal, stop };
}

function tooSlow(): AttachmentError {
  const msg = 'The request arrives too slowly.';
  return fault('timeout', ['body'], msg, { message: msg });
}

/** Since when a client has something to take, and how much it had taken by then. */
interface Wait {
  since: number;
  taken: number;
}

interface Watched {
  answer: ServerResponse;
  /** Its place among those that are watched. */
  at: number;
  wait: Wait | null;
  onTooSlow(): void;
}

const isWatched = Symbol('is watched');

/**
 * Finds clients that take their answers too slowly: less than `minBytesPerSecond` on average over `stallTimeoutMs`. A client's
 * clock runs only while something waits for it; while nothing does, it is we who are slow.
 */
export class AnswerPace {
  readonly #limits: PaceLimits;
  /** Not a Map, whose old copies would keep every answer in memory: see "What a request leaves behind" in docs/architecture.md. */
  readonly #answers: Watched[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  /** Watches an answer to its end. `onTooSlow` is to end it. */
  watch(answer: ServerResponse & { [isWatched]?: true }, onTooSlow: () => void): void {
    if (answer.destroyed || answer[isWatched]) return;
    answer[isWatched] = true;
    const watched = { answer, at: this.#answers.length, wait: null, onTooSlow };
    this.#answers.push(watched);
    answer.once('close', () => this.#forget(watched));
    // After the poll phase, so that what a client takes while we are busy counts for it.
    this.#timer ??= setInterval(
      () => setImmediate(() => this.#check()),
      this.#limits.stallTimeoutMs / 8,
    ).unref();
  }

  /** The last one takes its place. */
  #forget({ at }: Watched): void {
    const last = this.#answers.pop();
    if (last && last.at !== at) {
      last.at = at;
      this.#answers[at] = last;
    }
    if (this.#answers.length > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    const now = performance.now();
    for (const watched of [...this.#answers]) {
      const { socket } = watched.answer;
      if (!socket || socket.writableLength === 0) watched.wait = null;
      else this.#judge(watched, bytesTaken(socket), now);
    }
  }

  #judge(watched: Watched, taken: number, now: number): void {
    const { wait, onTooSlow } = watched;
    const passedMs = wait === null ? 0 : now - wait.since;
    if (wait !== null && passedMs < this.#limits.stallTimeoutMs) return;
    const least = (this.#limits.minBytesPerSecond * passedMs) / 1_000;
    if (wait !== null && taken - wait.taken < least) onTooSlow();
    watched.wait = { since: now, taken };
  }
}

/** Node tells of a part of a write only where its own time limit of sockets looks for it. */
type SocketWithHandle = Socket & { _handle?: { bytesWritten: number; writeQueueSize: number } | null };

/** Bytes that have left this process for the client. */
function bytesTaken(socket: SocketWithHandle): number {
  const { _handle: handle } = socket;
  return handle ? handle.bytesWritten - handle.writeQueueSize : socket.bytesWritten - socket.writableLength;
}
