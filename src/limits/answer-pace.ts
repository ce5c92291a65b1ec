import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { PaceLimits } from './pace.js';

/** Since when a client has something to take, and how much it had taken by then. */
interface Wait {
  since: number;
  taken: number;
}

interface Watched {
  wait: Wait | null;
  onTooSlow(): void;
}

/**
 * Finds clients that take their answers too slowly: less than `minBytesPerSecond` on average over `stallTimeoutMs`. A client's
 * clock runs only while something waits for it; while nothing does, it is we who are slow.
 */
export class AnswerPace {
  readonly #limits: PaceLimits;
  readonly #answers = new Map<ServerResponse, Watched>();
  #timer: NodeJS.Timeout | null = null;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  /** Watches an answer to its end. `onTooSlow` is to end it. */
  watch(answer: ServerResponse, onTooSlow: () => void): void {
    if (answer.destroyed || this.#answers.has(answer)) return;
    this.#answers.set(answer, { wait: null, onTooSlow });
    answer.once('close', () => {
      this.#answers.delete(answer);
      if (this.#answers.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    });
    // After the poll phase, so that what a client takes while we are busy counts for it.
    this.#timer ??= setInterval(
      () => setImmediate(() => this.#check()),
      this.#limits.stallTimeoutMs / 8,
    ).unref();
  }

  #check(): void {
    const now = performance.now();
    for (const [{ socket }, watched] of this.#answers) {
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
