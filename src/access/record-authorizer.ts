import type { Viewer } from '../auth/viewer.js';

/** One question: may this principal view or edit this record or field? */
export interface RecordQuestion {
  action: 'view' | 'edit';
  record: { type: string; id: string };
  /** Null: the record as a whole. */
  field: string | null;
}

/** Knows who may see and change the records of the caller's own system. Never to be asked inside a transaction. */
export interface RecordAuthorizer {
  /** False: it permits everything, so nobody needs to gather what to ask. */
  readonly isActive: boolean;
  /** Questions that have not been sent yet. */
  readonly waiting: number;
  /** Whether the viewer may. Rejects with AUTHORIZER_UNAVAILABLE if there is no answer, which is neither yes nor no. */
  may(viewer: Viewer, question: RecordQuestion): Promise<boolean>;
  close(): Promise<void>;
}

/** Within an organization everybody may see and change every record. */
export const allowAll: RecordAuthorizer = {
  isActive: false,
  waiting: 0,
  may: async () => true,
  close: async () => {},
};

/** A question, as the queue knows it. */
export interface Queued {
  organizationId: string;
  principalId: string;
  /** The question's length in characters. */
  length: number;
  /** By the clock of whoever queues it, in milliseconds. */
  queuedAt: number;
}

export interface QueueBounds {
  /** Questions of one organization. */
  perOrganization: number;
  total: number;
  /** The length of all questions together, in characters. */
  length: number;
}

/** The questions of one organization, by principal. The principal whose turn is next comes first. */
type Lane<Item> = Map<string, Item[]>;

/**
 * Questions that wait for a connection. Organizations take turns, and within one its principals do: whoever asks a thousand
 * questions delays the others by one turn. Bounded for each organization, and in total.
 */
export class QuestionQueue<Item extends Queued> {
  readonly #bounds: QueueBounds;
  /** The organization whose turn is next comes first. */
  readonly #lanes = new Map<string, Lane<Item>>();
  readonly #waitingOf = new Map<string, number>();
  #size = 0;
  #length = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns false, and takes nothing, if there is no room. */
  push(item: Item): boolean {
    const { organizationId, principalId, length } = item;
    const waiting = this.#waitingOf.get(organizationId) ?? 0;
    const { perOrganization, total, length: maxLength } = this.#bounds;
    const isFull = waiting >= perOrganization || this.#size >= total || this.#length + length > maxLength;
    if (isFull) return false;
    const lane = this.#lanes.get(organizationId) ?? new Map<string, Item[]>();
    this.#lanes.set(organizationId, lane);
    const items = lane.get(principalId);
    if (items) items.push(item);
    else lane.set(principalId, [item]);
    this.#count(item, 1);
    return true;
  }

  /**
   * The next turn: up to `max` questions of one principal of the first organization that `isReady`. Both go to the end of
   * their rows. Empty if none is ready.
   */
  take(max: number, isReady: (organizationId: string) => boolean): Item[] {
    for (const [organizationId, lane] of this.#lanes) {
      if (!isReady(organizationId)) continue;
      const [first] = lane;
      if (!first) continue;
      const [principalId, items] = first;
      const taken = items.splice(0, max);
      for (const item of taken) this.#count(item, -1);
      lane.delete(principalId);
      if (items.length > 0) lane.set(principalId, items);
      this.#lanes.delete(organizationId);
      if (lane.size > 0) this.#lanes.set(organizationId, lane);
      return taken;
    }
    return [];
  }

  /** Takes out what was queued before `instant`. */
  takeOlder(instant: number): Item[] {
    const taken: Item[] = [];
    for (const [organizationId, lane] of this.#lanes) {
      for (const [principalId, items] of lane) {
        const young = items.findIndex(({ queuedAt }) => queuedAt >= instant);
        taken.push(...items.splice(0, young < 0 ? items.length : young));
        if (items.length === 0) lane.delete(principalId);
      }
      if (lane.size === 0) this.#lanes.delete(organizationId);
    }
    for (const item of taken) this.#count(item, -1);
    return taken;
  }

  takeAll(): Item[] {
    return this.takeOlder(Number.POSITIVE_INFINITY);
  }

  #count({ organizationId, length }: Item, sign: 1 | -1): void {
    this.#size += sign;
    this.#length += sign * length;
    const waiting = (this.#waitingOf.get(organizationId) ?? 0) + sign;
    if (waiting > 0) this.#waitingOf.set(organizationId, waiting);
    else this.#waitingOf.delete(organizationId);
  }
}

/** The outcome of a question. `turned_away`: it was never sent, because it waited too long or too many wait. */
export type QuestionOutcome = 'permitted' | 'refused' | 'unanswered' | 'turned_away';
