import type { Database } from '../../src/database/database.js';
import type { JobHandler, Jobs, NewJob } from '../../src/jobs/jobs.js';

interface Waiting extends NewJob {
  dueAt: number;
}

/** Runs jobs of one kind for real, in this process only: a job of a key waits once, and begins after the commit. */
export class JobLoop implements Pick<Jobs, 'enqueue'> {
  /** Every job that was enqueued. */
  readonly enqueued: NewJob[] = [];
  readonly #database: Database;
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #handler: JobHandler | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  async enqueue(_manager: unknown, job: NewJob): Promise<void> {
    this.enqueued.push(job);
    // A write after this one: it is not run before this one has been committed.
    void this.#database
      .write(async () => this.#waiting.set(job.key ?? '', { ...job, dueAt: job.runAt?.getTime() ?? 0 }))
      .then(() => this.#pick());
  }

  work(handler: JobHandler): void {
    this.#handler = handler;
    this.#timer = setInterval(() => this.#pick(), 20);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#handler = null;
    this.#stop.abort(new Error('stopping'));
    await Promise.allSettled(this.#running.values());
  }

  #pick(): void {
    const handler = this.#handler;
    if (!handler) return;
    for (const [key, job] of this.#waiting) {
      if (this.#running.size >= handler.concurrency) return;
      if (this.#running.has(key) || job.dueAt > Date.now()) continue;
      this.#waiting.delete(key);
      const attempt = { number: 1, isLast: false, signal: this.#stop.signal };
      const run = handler.run(JSON.parse(JSON.stringify(job.payload)), attempt);
      const running = run.finally(() => {
        this.#running.delete(key);
        this.#pick();
      });
      this.#running.set(key, running);
      running.catch(() => undefined);
    }
  }
}
