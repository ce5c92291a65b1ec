interface Attempt {
  startedAt: number;
}

interface Origin {
  /** Those under way, the oldest first. */
  running: Set<Attempt>;
  /** Told once they have a turn, the first first. */
  waiting: ((attempt: Attempt) => void)[];
  /** How long an attempt takes of late. */
  paceMs: number;
  /** Until when turns are given out to those sent away. */
  bookedUntil: number;
}

/** At most so many attempts at once at one origin; fewer where it is slow. */
const share = 8;
const slowShare = 2;
const slowMs = 2_000;

/** A brisk origin has a turn free within this time, which is cheaper to wait for than to come back. */
const patienceMs = 250;

const shortestBookingMs = 50;
const longestBookingMs = 120_000;

/**
 * Keeps a slow receiver from using up all of the process's attempts. Who finds the share of its origin under way waits for a
 * moment where the origin is brisk, and is sent away otherwise, each with a time to come back at: one after the other, at the
 * pace at which the origin answers. So others do not notice a long row at a dead receiver, which costs next to nothing.
 */
export class OriginTurns {
  readonly #origins = new Map<string, Origin>();

  /** Runs `work` once it is `origin`'s turn, or says in how many milliseconds to come back. */
  async run<T>(origin: string, work: () => Promise<T>): Promise<{ value: T } | { comeBackInMs: number }> {
    const known = this.#origins.get(origin) ?? newOrigin();
    this.#origins.set(origin, known);
    const attempt = hasTurn(known) ? begin(known) : await waitForTurn(known);
    if (!attempt) return { comeBackInMs: book(known) };
    try {
      return { value: await work() };
    } finally {
      end(known, attempt);
      if (isIdle(known)) this.#origins.delete(origin);
    }
  }
}

const newOrigin = (): Origin => ({ running: new Set(), waiting: [], paceMs: 0, bookedUntil: 0 });

const isIdle = ({ running, waiting, bookedUntil }: Origin) =>
  running.size === 0 && waiting.length === 0 && bookedUntil < performance.now();

/** A delivery that has been under way for long counts as slow before it ends. */
function paceOf({ running, paceMs }: Origin): number {
  const [oldest] = running;
  return oldest ? Math.max(paceMs, performance.now() - oldest.startedAt) : paceMs;
}

const shareOf = (origin: Origin) => (paceOf(origin) < slowMs ? share : slowShare);

const hasTurn = (origin: Origin) => origin.running.size < shareOf(origin);

function begin({ running }: Origin): Attempt {
  const attempt = { startedAt: performance.now() };
  running.add(attempt);
  return attempt;
}

function end(origin: Origin, attempt: Attempt): void {
  origin.running.delete(attempt);
  origin.paceMs = (origin.paceMs + performance.now() - attempt.startedAt) / 2;
  if (!hasTurn(origin)) return;
  const next = origin.waiting.shift();
  next?.(begin(origin));
}

/** Null where none is free in time, or will not be. */
function waitForTurn(origin: Origin): Promise<Attempt | null> {
  if (paceOf(origin) >= slowMs) return Promise.resolve(null);
  return new Promise((resolve) => {
    const take = (attempt: Attempt) => {
      clearTimeout(timer);
      resolve(attempt);
    };
    const timer = setTimeout(() => {
      origin.waiting = origin.waiting.filter((other) => other !== take);
      resolve(null);
    }, patienceMs);
    origin.waiting.push(take);
  });
}

function book(origin: Origin): number {
  const now = performance.now();
  const spacing = Math.max(shortestBookingMs, paceOf(origin) / shareOf(origin));
  const wanted = Math.max(origin.bookedUntil, now) + spacing;
  origin.bookedUntil = Math.min(wanted, now + longestBookingMs);
  return Math.ceil(origin.bookedUntil - now);
}
