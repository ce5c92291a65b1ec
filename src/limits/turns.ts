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

/** The rows of a group by client: those who have used little time lately, and the others. */
interface Rows {
  light: Map<string, Row>;
  heavy: Map<string, Row>;
  /** Turns of light ones since the last of a heavy one. */
  lightTurns: number;
}

/** Milliseconds that a client may use and still be light. Use counts half after each second. */
const lightMs = 5;
const halfLifeMs = 1_000;
const forgottenBelowMs = 0.1;

/** Heavy ones get every so many-th turn of their group, however many light ones wait. */
const heavyEvery = 4;

/**
 * Shares the event loop: work is done in slices, and between two slices the loop serves whatever else has come. What waits is
 * taken in turns by organizations, and by the clients of each, one piece each. One client's large answers therefore delay
 * nobody else's small ones, and an organization with many clients gets no more than one with few. Clients of one group may be anybody,
 * such as all behind a proxy: who has used little time lately comes before who has used much.
 */
export class Turns {
  readonly #groups = new Map<string, Rows>();
  /** Milliseconds, by group and client. */
  readonly #used = new Map<string, number>();
  #halvedAt = performance.now();
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
    const rows = this.#groups.get(group);
    return rows !== undefined && (rows.light.has(id) || rows.heavy.has(id));
  }

  /** Calls `run`, which must not throw: at once if there is time left and nothing of its owner waits, else when it is its turn. */
  run(key: TurnKey, run: () => void): void {
    if (this.isWaiting(key) || this.isOver()) this.enqueue(key, run);
    else run();
  }

  /** Calls `run`, which must not throw, when it is its turn. */
  enqueue(key: TurnKey, run: () => void): void {
    const { group, id } = key;
    const rows = this.#groups.get(group) ?? { light: new Map(), heavy: new Map(), lightTurns: 0 };
    this.#groups.set(group, rows);
    const row = rows.light.get(id) ?? rows.heavy.get(id);
    if (row) row.runs.push(run);
    else this.#rowsFor(key, rows).set(id, { runs: [run], head: 0 });
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

  #rowsFor(key: TurnKey, { light, heavy }: Rows): Map<string, Row> {
    return (this.#used.get(nameOf(key)) ?? 0) < lightMs ? light : heavy;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => void this.#round());
  }

  async #round(): Promise<void> {
    this.#startedAt = performance.now();
    this.#isTaken = false;
    this.#halve(this.#startedAt);
    let before = this.#startedAt;
    for (let next = this.#shift(); next; next = this.isOver() ? null : this.#shift()) {
      next.run();
      // Continuations of the call run before the clock is looked at: a tick comes after all promises that are settled.
      for (let hop = 0; hop < 2; hop += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
      const now = performance.now();
      const name = nameOf(next.key);
      this.#used.set(name, (this.#used.get(name) ?? 0) + now - before);
      before = now;
    }
    this.#startedAt = null;
    this.#isTaken = false;
    this.#isScheduled = false;
    if (this.#groups.size > 0) this.#schedule();
  }

  #halve(now: number): void {
    const passedMs = now - this.#halvedAt;
    if (passedMs < halfLifeMs) return;
    this.#halvedAt = now;
    const share = 0.5 ** Math.floor(passedMs / halfLifeMs);
    for (const [name, ms] of this.#used) {
      if (ms * share < forgottenBelowMs) this.#used.delete(name);
      else this.#used.set(name, ms * share);
    }
  }

  #shift(): { run: () => void; key: TurnKey } | null {
    const [first] = this.#groups;
    if (!first) return null;
    const [group, rows] = first;
    // Its next turn comes after everybody else's.
    this.#groups.delete(group);
    const isHeavysTurn = rows.light.size === 0 || (rows.heavy.size > 0 && rows.lightTurns >= heavyEvery - 1);
    rows.lightTurns = isHeavysTurn ? 0 : rows.lightTurns + 1;
    const found = shiftRow(isHeavysTurn ? rows.heavy : rows.light);
    if (!found) return null;
    const { id, run, rest } = found;
    const key = { group, id };
    if (rest) this.#rowsFor(key, rows).set(id, rest);
    if (rows.light.size + rows.heavy.size > 0) this.#groups.set(group, rows);
    return { run, key };
  }
}

const nothing = () => undefined;

const nameOf = ({ group, id }: TurnKey): string => `${group} ${id}`;

/** The first piece of the first row, which is taken away; `rest` is what is left of the row, and comes last. */
function shiftRow(rows: Map<string, Row>): { id: string; run: () => void; rest: Row | null } | null {
  const [first] = rows;
  if (!first) return null;
  const [id, row] = first;
  const run = row.runs[row.head];
  // Copies of maps that had the row may live long, and what a run needs is a whole answer.
  row.runs[row.head] = nothing;
  row.head += 1;
  rows.delete(id);
  const rest = row.head < row.runs.length ? row : null;
  if (row.head > 1_000) {
    row.runs.splice(0, row.head);
    row.head = 0;
  }
  return run ? { id, run, rest } : null;
}
