/** Attachments whose status or place has changed: committed, and visible to whoever reads now. */
export interface Change {
  organizationId: string;
  attachmentIds: readonly string[];
}

export type ChangeListener = (change: Change) => void;

/** Tells those who wait within this process. What it says is a hint: whoever hears it reads the rows. */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();

  publish(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  /** The result ends it. */
  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
