import { type AttachmentError, fault } from '../errors.js';

export interface FairTurnsOptions<Seat> {
  /** The seats that work runs on, one piece at a time each. */
  seats: readonly Seat[];
  /** At most so many are one key's, so that others find one free. */
  seatsOfOneKey: number;
  /** Whoever waits longer is refused, in milliseconds. */
  patienceMs: number;
  /** At most so much of one key waits; what comes beyond is refused at once. */
  waitingOfOneKey?: number;
}

const mostWaiting = 2_000;

interface Waiting<Seat> {
  begin(seat: Seat): void;
}

/** The waiting work of one key. Sets, because thousands may give up at the same moment. */
interface Line<Seat> {
  urgent: Set<Waiting<Seat>>;
  usual: Set<Waiting<Seat>>;
}

/**
 * Shares a few seats between many keys. A key that fills its seats makes its own work wait, and nobody else's: keys that
 * wait are served in turn, whatever each of them has waiting.
 */
export class FairTurns<Seat> {
  readonly #options: FairTurnsOptions<Seat>;
  readonly #free: Seat[];
  readonly #running = new Map<string, number>();
  /** By key; the first has not been served for longest. */
  readonly #waiting = new Map<string, Line<Seat>>();

  constructor(options: FairTurnsOptions<Seat>) {
    this.#options = options;
    this.#free = [...options.seats];
  }

  /**
   * Runs `work` once a seat is free. Throws RATE_LIMITED if none is in time, or too much of the key waits. What is urgent
   * comes before all else of its key, and waits as long as it takes.
   */
  async run<T>(key: string, work: (seat: Seat) => Promise<T>, isUrgent = false): Promise<T> {
    const seat = this.#hasRoom(key) ? this.#take() : undefined;
    const mine = seat === undefined ? await this.#wait(key, isUrgent) : this.#begin(key, seat);
    try {
      return await work(mine);
    } finally {
      this.#end(key, mine);
    }
  }

  #hasRoom(key: string): boolean {
    return (this.#running.get(key) ?? 0) < this.#options.seatsOfOneKey;
  }

  #take(): Seat | undefined {
    return this.#free.shift();
  }

  #begin(key: string, seat: Seat): Seat {
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
    return seat;
  }

  #end(key: string, seat: Seat): void {
    const left = (this.#running.get(key) ?? 1) - 1;
    if (left > 0) this.#running.set(key, left);
    else this.#running.delete(key);
    this.#free.push(seat);
    this.#serve();
  }

  #serve(): void {
    for (const [key, line] of this.#waiting) {
      if (!this.#hasRoom(key)) continue;
      const seat = this.#take();
      if (seat === undefined) return;
      const [next] = line.urgent.size > 0 ? line.urgent : line.usual;
      // Its next turn comes after everybody else's.
      this.#waiting.delete(key);
      this.#waiting.set(key, line);
      if (next) this.#leave(key, next);
      next?.begin(this.#begin(key, seat));
    }
  }

  #wait(key: string, isUrgent: boolean): Promise<Seat> {
    const { patienceMs, waitingOfOneKey = mostWaiting } = this.#options;
    const line = this.#waiting.get(key) ?? { urgent: new Set(), usual: new Set() };
    if (!isUrgent && line.usual.size >= waitingOfOneKey) return Promise.reject(waitedTooLong());
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#leave(key, entry);
        reject(waitedTooLong());
      };
      const timer = isUrgent ? undefined : setTimeout(giveUp, patienceMs);
      const entry: Waiting<Seat> = {
        begin: (seat) => {
          clearTimeout(timer);
          resolve(seat);
        },
      };
      line[isUrgent ? 'urgent' : 'usual'].add(entry);
      this.#waiting.set(key, line);
    });
  }

  #leave(key: string, entry: Waiting<Seat>): void {
    const line = this.#waiting.get(key);
    if (!line) return;
    line.urgent.delete(entry);
    line.usual.delete(entry);
    if (line.urgent.size + line.usual.size === 0) this.#waiting.delete(key);
  }
}

function waitedTooLong(): AttachmentError {
  const msg = 'Too many lists and counts of your organization wait for the database.';
  return fault('lists_waiting', ['query'], msg, { retryAfterSeconds: 1 });
}
