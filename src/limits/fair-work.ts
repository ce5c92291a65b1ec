import { FairQueue, type Owner } from './fair-queue.js';

export interface FairWorkOptions<Task, Result> {
  /** Pieces that wait, of all and of one organization. */
  capacity: number;
  capacityOfOrganization?: number;
  /** A piece waits for so long at most. */
  patienceMs: number;
  run(task: Task): Promise<Result>;
  whenFull(): Error;
  whenLate(): Error;
  whenClosed(): Error;
}

interface Waiting<Task, Result> {
  task: Task;
  /** Refuses it once it has waited too long. */
  timer: NodeJS.Timeout;
  isRefused: boolean;
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** Does work of many owners one piece at a time, in the turns of a FairQueue. */
export class FairWork<Task, Result> {
  readonly #queue: FairQueue<Waiting<Task, Result>>;
  readonly #options: FairWorkOptions<Task, Result>;
  #draining: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: FairWorkOptions<Task, Result>) {
    this.#options = options;
    this.#queue = new FairQueue(options.capacity, options.capacityOfOrganization);
  }

  /** Does the task when it is its owner's turn. Throws what the options say if too much waits, or it waits too long. */
  do(owner: Owner, task: Task): Promise<Result> {
    const { patienceMs, whenLate, whenFull, whenClosed } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw whenClosed();
      const refuse = () => {
        item.isRefused = true;
        reject(whenLate());
      };
      const item = { task, timer: setTimeout(refuse, patienceMs), isRefused: false, resolve, reject };
      const dropped = this.#queue.add(owner, item);
      clearTimeout(dropped?.timer);
      dropped?.reject(whenFull());
      this.#draining ??= this.#drain();
    });
  }

  /** Takes no more, and lets all that waits fail. */
  close(): void {
    this.#isClosed = true;
    for (let next = this.#take(); next; next = this.#take()) next.item.reject(this.#options.whenClosed());
  }

  /** Resolves once nothing runs. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    for (let next = this.#take(); next; next = this.#take()) {
      const { item, ...owner } = next;
      const start = performance.now();
      await this.#options.run(item.task).then(item.resolve, item.reject);
      this.#queue.use(owner, performance.now() - start);
    }
    this.#draining = null;
  }

  /** The next piece that has not been refused meanwhile. */
  #take() {
    let next = this.#queue.take();
    while (next?.item.isRefused) next = this.#queue.take();
    clearTimeout(next?.item.timer);
    return next;
  }
}
