import type { RecordRef } from './record.js';

/** One attachment whose status or place has changed, or that is gone: committed, and visible to whoever reads now. */
export interface Change {
  organizationId: string;
  attachmentId: string;
  /** All that it belongs to, and those that it has just left. */
  records: readonly RecordRef[];
}

export type ChangeListener = (changes: readonly Change[]) => void;

/**
 * Tells those who wait within this process. What it says is a hint: whoever hears it reads the rows. Whatever joins processes
 * sends what `relayTo` gives it, and calls `deliver` with what it receives.
 */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();
  readonly #gapListeners = new Set<() => void>();
  #relay: ChangeListener = () => {};

  /** To be called after the commit. */
  publish(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.deliver(changes);
    this.#relay(changes);
  }

  /** Tells listeners here of what has been published elsewhere. */
  deliver(changes: readonly Change[]): void {
    for (const listener of [...this.#listeners]) listener(changes);
  }

  /** Tells that others may have published what was not heard here. */
  deliverGap(): void {
    for (const listener of [...this.#gapListeners]) listener();
  }

  /** The result ends it. */
  listenForGaps(listener: () => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  /** Has everything that is published here sent on, too. */
  relayTo(relay: ChangeListener): void {
    this.#relay = relay;
  }

  /** The result ends it. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
