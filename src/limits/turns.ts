/** Milliseconds of work in one round of the event loop, before others get their turn. */
const sliceMs = 8;

/** The work that waits for a turn, the first in front. */
interface Row {
  runs: (() => void)[];
  head: number;
}

/**
 * Shares the event loop: work is done in slices, and between two slices the loop serves whatever else has come. What waits is
 * taken in turns by `key`, one piece each, so that one client's large answers delay nobody else's small ones.
 */
export class Turns {
  readonly #rows = new Map<string, Row>();
  #startedAt: number | null = null;
  #isScheduled = false;
  #isTaken = false;

  /** Undefined if there is time left; else resolves when it is the caller's turn. */
  next(key: string): Promise<void> | undefined {
    if (!this.isOver()) return undefined;
    return new Promise((resolve) => this.enqueue(key, resolve));
  }

  /** The turn for a piece of work that fills a slice: no other begins in the same round. */
  alone(key: string): Promise<void> {
    return new Promise((resolve) =>
      this.enqueue(key, () => {
        this.#isTaken = true;
        resolve();
      }),
    );
  }

  isWaiting(key: string): boolean {
    return this.#rows.has(key);
  }

  /** Calls `run`, which must not throw, when it is its turn. */
  enqueue(key: string, run: () => void): void {
    const row = this.#rows.get(key) ?? { runs: [], head: 0 };
    row.runs.push(run);
    this.#rows.set(key, row);
    this.#schedule();
  }

  /** Whether this round has done enough. Begins a slice if none is under way. */
  isOver(): boolean {
    if (this.#startedAt === null) {
      this.#startedAt = performance.now();
      this.#schedule();
    }
    return this.#isTaken || performance.now() - this.#startedAt >= sliceMs;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => void this.#round());
  }

  async #round(): Promise<void> {
    this.#startedAt = performance.now();
    this.#isTaken = false;
    for (let run = this.#shift(); run; run = this.isOver() ? null : this.#shift()) {
      run();
      // Continuations of the call run before the clock is looked at.
      for (let hop = 0; hop < 12; hop += 1) await undefined;
    }
    this.#startedAt = null;
    this.#isTaken = false;
    this.#isScheduled = false;
    if (this.#rows.size > 0) this.#schedule();
  }

  #shift(): (() => void) | null {
    for (const [key, row] of this.#rows) {
      const run = row.runs[row.head];
      row.head += 1;
      this.#rows.delete(key);
      if (row.head < row.runs.length) this.#rows.set(key, row);
      if (row.head > 1_000) {
        row.runs.splice(0, row.head);
        row.head = 0;
      }
      return run ?? null;
    }
    return null;
  }
}
