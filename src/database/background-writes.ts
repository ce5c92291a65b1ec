import { setTimeout as sleep } from 'node:timers/promises';
import type { Work, Write } from './write-queue.js';

export interface BackgroundOptions {
  /** How many pieces of work are begun together. */
  groupSize: number;
  /** Whether a pause follows each group. */
  isYielding: boolean;
}

/**
 * Writes that no client waits for, such as those of cleaning. They go in groups, and after each the database is left to other
 * processes for as long as the group has kept it: one that waits for SQLite looks only now and then whether it is free, and
 * would hardly ever find it so between many small transactions.
 */
export class BackgroundWrites {
  readonly #write: Write;
  readonly #options: BackgroundOptions;
  readonly #waiting: (() => Promise<unknown>)[] = [];
  readonly #closing = new AbortController();
  #draining: Promise<void> | null = null;
  /** When the first work of the group has begun. */
  #begunAt = 0;

  constructor(write: Write, options: BackgroundOptions) {
    this.#write = write;
    this.#options = options;
  }

  readonly add: Write = (work) =>
    new Promise((resolve, reject) => {
      this.#waiting.push(() => this.#run(work).then(resolve, reject));
      this.#draining ??= this.#drain();
    });

  /** Resolves once everything added so far has ended. From now on there are no pauses. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#draining;
  }

  #run<T>(work: Work<T>): Promise<T> {
    return this.#write((manager) => {
      // Before, it may have waited for others.
      if (this.#begunAt === 0) this.#begunAt = performance.now();
      return work(manager);
    });
  }

  async #drain(): Promise<void> {
    const { groupSize, isYielding } = this.#options;
    const { signal } = this.#closing;
    // Lets everything that becomes ready in this turn of the event loop join the first group.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      this.#begunAt = 0;
      await Promise.all(this.#waiting.splice(0, groupSize).map((run) => run()));
      const keptMs = performance.now() - this.#begunAt;
      if (isYielding) await sleep(Math.max(keptMs, shortestPauseMs), undefined, { signal }).catch(() => {});
    }
    this.#draining = null;
  }
}

/** Whoever waits for SQLite looks at least so often at first. */
const shortestPauseMs = 25;

/** Waits until all have ended, whatever becomes of each; throws the first fault then. */
export async function allEnded<T>(promises: Iterable<Promise<T>>): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
