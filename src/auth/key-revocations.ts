import { LRUCache } from 'lru-cache';

type Listener = (keyId: string) => void;

/**
 * The API keys that were revoked lately, here or, as far as they have been heard, in other processes. A key that is revoked
 * stays so, hence whoever finds it here need not ask the database. Whatever joins processes sends what `relayTo` gives it, and
 * calls `deliver` with what it receives.
 */
export class KeyRevocations {
  readonly #revoked = new LRUCache<string, true>({ max: 10_000 });
  readonly #listeners = new Set<Listener>();
  #relay: Listener = () => {};

  /** To be called after the commit. */
  publish(keyId: string): void {
    this.deliver(keyId);
    this.#relay(keyId);
  }

  /** Tells listeners here of what has been revoked elsewhere. */
  deliver(keyId: string): void {
    this.#revoked.set(keyId, true);
    for (const listener of [...this.#listeners]) listener(keyId);
  }

  /** Whether this key is known to be revoked; false for most that are. */
  has(keyId: string): boolean {
    return this.#revoked.has(keyId);
  }

  /** Has everything that is published here sent on, too. */
  relayTo(relay: Listener): void {
    this.#relay = relay;
  }

  /** The result ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
