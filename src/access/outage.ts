export interface OutageListener {
  /** Called once, with the first question that got no answer. */
  onOutage(error: unknown): void;
  /** Called once it answers again, with how many questions got no answer. */
  onRecovery(unanswered: number): void;
}

export interface Failure {
  isSilent: boolean;
  /** `answers` when the request was sent. */
  answers: number;
}

/** After this many requests in a row without an answer in time, the authorizer counts as dead. */
const deadAfter = 8;
/** An outage is over once there has been none without an answer for so long. */
const quietMs = 5_000;

/** Keeps track of whether the authorizer answers, so that a dead one is noticed by all and told once. */
export class Outage {
  readonly #listener: OutageListener;
  readonly #now: () => number;
  #silent = 0;
  #answers = 0;
  #unanswered = 0;
  #lastAt = 0;

  constructor(listener: OutageListener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
  }

  /** Whether it is no use to ask. */
  get isDead(): boolean {
    return this.#silent >= deadAfter;
  }

  /** How many answers there were: to be remembered when a request is sent, and given to `failed`. */
  get answers(): number {
    return this.#answers;
  }

  answered(): void {
    this.#answers += 1;
    this.#silent = 0;
    if (this.#unanswered === 0 || this.#now() - this.#lastAt < quietMs) return;
    const unanswered = this.#unanswered;
    this.#unanswered = 0;
    this.#listener.onRecovery(unanswered);
  }

  /**
   * `isSilent`: nothing came in time. Any other failure is as quick as an answer, and nothing piles up behind it. If others
   * were answered since this was sent, then only this question is slow: nobody else is to suffer from it.
   */
  failed(error: unknown, questions: number, { isSilent, answers }: Failure): void {
    if (!isSilent) this.#silent = 0;
    else if (answers === this.#answers) this.#silent += 1;
    const isFirst = this.#unanswered === 0;
    this.#unanswered += questions;
    this.#lastAt = this.#now();
    if (isFirst) this.#listener.onOutage(error);
  }
}
