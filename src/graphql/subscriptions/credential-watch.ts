import type { Authenticate } from '../../auth/authenticate.js';
import { assertPermitted, subscriptionNeed } from '../../auth/permission-table.js';
import type { Viewer } from '../../auth/viewer.js';
import { AttachmentError } from '../../errors.js';

export interface CredentialWatchDependencies {
  authenticate: Authenticate;
}

/** Told that its credential is good no more. */
export type OnRevoked = () => void;

const intervalMs = 1_000;

/** How many credentials are looked at in one interval. If there are more they take turns, each within so many intervals. */
const checksPerInterval = 100;
const mostIntervals = 10;

/** Holds as long as its credential is good: looks at each every second, at the cost of one look for all holders of it. */
export class CredentialWatch {
  readonly #authenticate: Authenticate;
  /** The credential that was looked at the longest ago comes first. */
  readonly #holders = new Map<string, Set<OnRevoked>>();
  #timer: NodeJS.Timeout | null = null;
  #isChecking = false;

  constructor({ authenticate }: CredentialWatchDependencies) {
    this.#authenticate = authenticate;
  }

  /** Throws UNAUTHENTICATED, FORBIDDEN. */
  async identify(authorization: string): Promise<Viewer> {
    return assertPermitted(await this.#authenticate(authorization), subscriptionNeed);
  }

  /** The result ends it. */
  hold(authorization: string, onRevoked: OnRevoked): () => void {
    const holders = this.#holders.get(authorization) ?? new Set();
    this.#holders.set(authorization, holders.add(onRevoked));
    this.#timer ??= setInterval(() => void this.#check(), intervalMs).unref();
    return () => {
      holders.delete(onRevoked);
      if (holders.size === 0 && this.#holders.get(authorization) === holders) {
        this.#holders.delete(authorization);
      }
      if (this.#holders.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  /** Tells all holders of a credential that is good no more, and then throws as `identify` does. */
  async assertStillGood(authorization: string): Promise<void> {
    try {
      await this.identify(authorization);
    } catch (error) {
      if (isBad(error)) for (const onRevoked of [...(this.#holders.get(authorization) ?? [])]) onRevoked();
      throw error;
    }
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const checks = Math.max(checksPerInterval, Math.ceil(this.#holders.size / mostIntervals));
    for (const authorization of [...this.#holders.keys()].slice(0, checks)) {
      // A check that fails now is made again the next time.
      await this.assertStillGood(authorization).catch(() => undefined);
      const holders = this.#holders.get(authorization);
      if (!holders) continue;
      this.#holders.delete(authorization);
      this.#holders.set(authorization, holders);
    }
    this.#isChecking = false;
  }
}

/** A database that cannot be asked does not make a credential a bad one. */
function isBad(error: unknown): boolean {
  return error instanceof AttachmentError && error.status < 500;
}
