/** Milliseconds of work in one round of the event loop, before others get their turn. */
const sliceMs = 8;

/** The owner of a turn. */
export interface TurnKey {
  /** The client's organization. */
  group: string;
  /** The client. */
  id: string;
}

/** The work of one client that waits for a turn, the first in front. */
interface Row {
  runs: (() => void)[];
  head: number;
}

/**
 * Shares the event loop: work is done in slices, and between two slices the loop serves whatever else has come. What waits is
 * taken in turns by organizations, and by the clients of each, one piece each. One client's large answers therefore delay
 * nobody else's small ones, and an organization with many clients gets no more than one with few.
 */
export class Turns {
  readonly #groups = new Map<string, Map<string, Row>>();
  #startedAt: number | null = null;
  #isScheduled = false;
  #isTaken = false;

  /** Undefined if there is time left; else resolves when it is the caller's turn. */
  next(key: TurnKey): Promise<void> | undefined {
    if (!this.isOver()) return undefined;
    return new Promise((resolve) => this.enqueue(key, resolve));
  }

  /** The turn for a piece of work that fills a slice: no other begins in the same round. */
  alone(key: TurnKey): Promise<void> {
    return new Promise((resolve) =>
      this.enqueue(key, () => {
        this.#isTaken = true;
        resolve();
      }),
    );
  }

  isWaiting({ group, id }: TurnKey): boolean {
    return this.#groups.get(group)?.has(id) ?? false;
  }

  /** Calls `run`, which must not throw: at once if there is time left and nothing of its owner waits, else when it is its turn. */
  run(key: TurnKey, run: () => void): void {
    if (this.isWaiting(key) || this.isOver()) this.enqueue(key, run);
    else run();
  }

  /** Calls `run`, which must not throw, when it is its turn. */
  enqueue({ group, id }: TurnKey, run: () => void): void {
    const rows = this.#groups.get(group) ?? new Map<string, Row>();
    const row = rows.get(id) ?? { runs: [], head: 0 };
    row.runs.push(run);
    this.#groups.set(group, rows.set(id, row));
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
      // Continuations of the call run before the clock is looked at: a tick comes after all promises that are settled.
      for (let hop = 0; hop < 2; hop += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    this.#startedAt = null;
    this.#isTaken = false;
    this.#isScheduled = false;
    if (this.#groups.size > 0) this.#schedule();
  }

  #shift(): (() => void) | null {
    const [first] = this.#groups;
    if (!first) return null;
    const [group, rows] = first;
    // Its next turn comes after everybody else's.
    this.#groups.delete(group);
    const run = shiftRow(rows);
    if (rows.size > 0) this.#groups.set(group, rows);
    return run;
  }
}

function shiftRow(rows: Map<string, Row>): (() => void) | null {
  const [first] = rows;
  if (!first) return null;
  const [id, row] = first;
  const run = row.runs[row.head];
  row.head += 1;
  rows.delete(id);
  if (row.head < row.runs.length) rows.set(id, row);
  if (row.head > 1_000) {
    row.runs.splice(0, row.head);
    row.head = 0;
  }
  return run ?? null;
}
