import type { Readable } from 'node:stream';
import { type AttachmentError, fault } from '../errors.js';

export interface PaceLimits {
  /** The client is too slow when it sends nothing for so long, or less than `minBytesPerSecond` on average over so long. */
  stallTimeoutMs: number;
  minBytesPerSecond: number;
}

/** An upload must bring so much on average. */
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
