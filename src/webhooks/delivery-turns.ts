interface Attempt {
  startedAt: number;
}

/** Whoever shares a number of attempts: an origin, or an organization. */
interface Sharers {
  /** Attempts under way, the oldest first. */
  running: Set<Attempt>;
  /** Told once they have a turn, the first first. */
  waiting: ((attempt: Attempt) => void)[];
  /** The time an attempt takes of late. */
  paceMs: number;
  /** Until when turns are given out to those sent away. */
  bookedUntil: number;
}

interface Bounds {
  /** At most so many attempts at once. */
  share: number;
  /** The same where it is slow. */
  slowShare: number;
  /** If it is brisk, a turn is free within this time, which is cheaper to wait for than to come back. */
  patienceMs: number;
  shortestBookingMs: number;
  /** The age of the attempts under way that counts for the pace, since a slow one counts before it ends. */
  ageOf(startedAt: readonly number[], now: number): number;
}

/** One that hangs is enough to keep others back: they go to the same receiver. */
const originBounds: Bounds = {
  ...{ share: 8, slowShare: 2, patienceMs: 250, shortestBookingMs: 50 },
  ageOf: ([oldest], now) => (oldest === undefined ? 0 : now - oldest),
};

/** The others of the process's 50 are free for the webhooks of other organizations, however many slow receivers this one has. */
const organizationBounds: Bounds = {
  ...{ share: 46, slowShare: 40, patienceMs: 250, shortestBookingMs: 1 },
  ageOf: (startedAt, now) => {
    const sum = startedAt.reduce((total, each) => total + now - each, 0);
    return startedAt.length === 0 ? 0 : sum / startedAt.length;
  },
};

const slowMs = 2_000;
const longestBookingMs = 120_000;

/** The time in which to come back. */
interface SentAway {
  comeBackInMs: number;
}

/**
 * Keeps slow receivers, and an organization that has many of them, from using up all of the process's attempts. Whoever finds the
 * share under way waits for a moment if turns are brisk, and is sent away otherwise, each with a time to come back at: one after
 * the other, at the pace of the share. So others do not notice a long row at a dead receiver, which costs next to nothing.
 */
export class DeliveryTurns {
  readonly #organizations = new Shares(organizationBounds);
  readonly #origins = new Shares(originBounds);

  /** Runs `work` once it is the turn of the delivery, or says in how many milliseconds to come back. */
  async run<T>(
    { organizationId, uri }: { organizationId: string; uri: string },
    work: () => Promise<T>,
  ): Promise<{ value: T } | SentAway> {
    const ofOrigin = await this.#origins.take(new URL(uri).origin);
    if ('comeBackInMs' in ofOrigin) return ofOrigin;
    const ofOrganization = await this.#organizations.take(organizationId);
    if ('comeBackInMs' in ofOrganization) {
      ofOrigin.end({ isMade: false });
      return ofOrganization;
    }
    try {
      return { value: await work() };
    } finally {
      ofOrganization.end({ isMade: true });
      ofOrigin.end({ isMade: true });
    }
  }
}

interface Turn {
  /** `isMade`: the attempt says how long one takes. */
  end(outcome: { isMade: boolean }): void;
}

class Shares {
  readonly #bounds: Bounds;
  readonly #sharers = new Map<string, Sharers>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  async take(key: string): Promise<Turn | SentAway> {
    const sharers = this.#sharers.get(key) ?? { running: new Set(), waiting: [], paceMs: 0, bookedUntil: 0 };
    this.#sharers.set(key, sharers);
    const attempt = this.#hasTurn(sharers) ? begin(sharers) : await this.#waitForTurn(sharers);
    if (!attempt) return { comeBackInMs: this.#book(sharers) };
    return {
      end: ({ isMade }) => {
        this.#end(sharers, attempt, isMade);
        if (isIdle(sharers)) this.#sharers.delete(key);
      },
    };
  }

  #end(sharers: Sharers, attempt: Attempt, isMade: boolean): void {
    sharers.running.delete(attempt);
    if (isMade) sharers.paceMs = (sharers.paceMs + performance.now() - attempt.startedAt) / 2;
    if (!this.#hasTurn(sharers)) return;
    const next = sharers.waiting.shift();
    next?.(begin(sharers));
  }

  #hasTurn(sharers: Sharers): boolean {
    return sharers.running.size < this.#shareOf(sharers);
  }

  #shareOf(sharers: Sharers): number {
    const { share, slowShare } = this.#bounds;
    return this.#paceOf(sharers) < slowMs ? share : slowShare;
  }

  #paceOf({ running, paceMs }: Sharers): number {
    const startedAt = [...running].map((attempt) => attempt.startedAt);
    return Math.max(paceMs, this.#bounds.ageOf(startedAt, performance.now()));
  }

  /** Null if none is free in time, or will not be. */
  #waitForTurn(sharers: Sharers): Promise<Attempt | null> {
    const { patienceMs } = this.#bounds;
    if (this.#paceOf(sharers) >= slowMs) return Promise.resolve(null);
    return new Promise((resolve) => {
      const take = (attempt: Attempt) => {
        clearTimeout(timer);
        resolve(attempt);
      };
      const timer = setTimeout(() => {
        sharers.waiting = sharers.waiting.filter((other) => other !== take);
        resolve(null);
      }, patienceMs);
      sharers.waiting.push(take);
    });
  }

  #book(sharers: Sharers): number {
    const now = performance.now();
    const spacing = Math.max(this.#bounds.shortestBookingMs, this.#paceOf(sharers) / this.#shareOf(sharers));
    const wanted = Math.max(sharers.bookedUntil, now) + spacing;
    sharers.bookedUntil = Math.min(wanted, now + longestBookingMs);
    return Math.ceil(sharers.bookedUntil - now);
  }
}

const isIdle = ({ running, waiting, bookedUntil }: Sharers) =>
  running.size === 0 && waiting.length === 0 && bookedUntil < performance.now();

function begin({ running }: Sharers): Attempt {
  const attempt = { startedAt: performance.now() };
  running.add(attempt);
  return attempt;
}
