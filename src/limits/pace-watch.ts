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
