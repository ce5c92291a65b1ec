import type { Viewer } from '../../auth/viewer.js';
import type { Database } from '../../database/database.js';
import type { FairTurns } from '../../database/fair-turns.js';
import { findAttachment, type StoredAttachment } from '../../model/stored-attachment.js';

export interface CommonEventsOptions {
  organizationId: string;
  database: Pick<Database, 'read'>;
  seats: FairTurns<number>;
}

/** The answer of an event that may be sent to others than the one it was made for. */
export interface CommonAnswer {
  pieces: readonly Buffer[];
  /** Values and bytes that an answer's limits count. */
  values: number;
  bytes: number;
}

/**
 * The parts of events that subscribers of an organization share if they ask for the same by different credentials: what all of
 * the organization may see, and answers that were made without a look at the viewer. Only for an organization in which no
 * record authorizer decides.
 */
export class CommonEvents {
  readonly #options: CommonEventsOptions;
  /** Reads that have not begun, by the attachment's id. */
  readonly #unread = new Map<string, Promise<StoredAttachment | null>>();
  readonly #answers = new WeakMap<StoredAttachment, Promise<CommonAnswer | null>>();
  #isPersonal = false;

  constructor(options: CommonEventsOptions) {
    this.#options = options;
  }

  /**
   * The attachment as it is now; null if there is none, or not all of the organization may see it. All who ask before the
   * reading begins get the same promise.
   */
  read(id: string): Promise<StoredAttachment | null> {
    const waiting = this.#unread.get(id);
    if (waiting) return waiting;
    const { organizationId, database, seats } = this.#options;
    const begin = async () => {
      // Those who hear of the change in this round ask first.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#unread.delete(id);
      return findAttachment(database.read, nobodyOf(organizationId), id);
    };
    const reading = seats.run(organizationId, begin, true);
    // Those who ask may be gone before it fails.
    reading.catch(() => undefined);
    this.#unread.set(id, reading);
    return reading;
  }

  /** The answer of this state that another makes or has made, null if it is for that one alone. Undefined if nobody makes one. */
  answerOf(stored: StoredAttachment): Promise<CommonAnswer | null> | undefined {
    return this.#answers.get(stored);
  }

  /** Makes an answer of this state, which others wait for unless the last one was for one alone. */
  async makeFirst<Made extends { common: CommonAnswer | null }>(
    stored: StoredAttachment,
    make: () => Promise<Made>,
  ): Promise<Made> {
    const making = make();
    if (!this.#isPersonal) {
      const answer = making.then(
        ({ common }) => common,
        () => null,
      );
      this.#answers.set(stored, answer);
    }
    const made = await making;
    this.#isPersonal = made.common === null;
    return made;
  }
}

/** A viewer who sees no more of an organization than everybody in it does. */
function nobodyOf(organizationId: string): Viewer {
  const principal = { id: '', kind: 'USER', name: null } as const;
  return { organizationId, principal, permissions: new Set(), keyId: null };
}

/** A viewer who tells whether somebody has looked at more than the organization. */
export class ObservedViewer implements Viewer {
  wasLookedAt = false;
  readonly organizationId: string;

  constructor(private readonly viewer: Viewer) {
    this.organizationId = viewer.organizationId;
  }

  get principal() {
    return this.look().principal;
  }

  get permissions() {
    return this.look().permissions;
  }

  get keyId() {
    return this.look().keyId;
  }

  private look(): Viewer {
    this.wasLookedAt = true;
    return this.viewer;
  }
}
