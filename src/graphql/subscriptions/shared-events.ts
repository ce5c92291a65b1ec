import { setTimeout as sleep } from 'node:timers/promises';
import { type ExecutionArgs, execute, type GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { WatchTarget } from '../../attachments/watch-attachments.js';
import type { Viewer } from '../../auth/viewer.js';
import type { Database } from '../../database/database.js';
import type { FairTurns } from '../../database/fair-turns.js';
import { errorExtensions } from '../../errors.js';
import type { Release } from '../../limits/places.js';
import { findAttachment, type StoredAttachment } from '../../model/stored-attachment.js';
import type { GraphqlContext } from '../context.js';
import { tooComplex } from '../cost/query-limits.js';
import { writeAnswer } from '../write-answer.js';
import type { CommonAnswer, CommonEvents, ObservedViewer } from './common-events.js';

/** The context of one event, and what frees the memory of its answer. */
export interface EventContext {
  context: GraphqlContext;
  /** The viewer of the context. */
  observed: ObservedViewer;
  release: Release;
}

export interface SharedEventsOptions {
  database: Pick<Database, 'read'>;
  viewer: Viewer;
  args: ExecutionArgs;
  /** Shares the making of events between organizations. */
  seats: FairTurns<number>;
  /** Shared with all of the organization who ask for the same; null if a record authorizer decides who may see what. */
  common: CommonEvents | null;
  openContext(): EventContext;
  /** Throws if the credential is not good any more. */
  assertStillGood(): Promise<void>;
  /** The errors as clients may see them. */
  mask(errors: readonly GraphQLError[]): GraphQLFormattedError[];
}

/** An event as JSON in UTF-8, in pieces that all who are told it share. */
export interface HeldEvent {
  pieces: readonly Buffer[];
  /** To be called once it has been sent. */
  release: Release;
}

interface MadeEvent extends HeldEvent {
  /** There was no memory for it. */
  isRefused: boolean;
  /** The part of it that others may be told; null if it has depended on its viewer, or was not made. */
  common: CommonAnswer | null;
}

interface Shared {
  made: Promise<HeldEvent>;
  holders: number;
}

interface View {
  /** Null once an answer has been made with it. */
  opened: EventContext | null;
  mayView: Promise<boolean>;
}

/** Between the attempts to make an event for which there is no memory: its organization's slow readers are cut off meanwhile. */
const noMemoryDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 8_000];

/**
 * The events of subscribers that ask for the same, by the same credential: each change is read, decided and written once,
 * however many are told it. Parts that do not depend on the credential are shared with others by `common`.
 */
export class SharedEvents {
  readonly #options: SharedEventsOptions;
  /** Reads that have not begun, by the attachment's id. */
  readonly #unread = new Map<string, Promise<StoredAttachment | null>>();
  /** By the read of all in the organization. */
  readonly #checked = new WeakMap<Promise<StoredAttachment | null>, Promise<StoredAttachment | null>>();
  readonly #views = new WeakMap<StoredAttachment, View>();
  readonly #events = new Map<StoredAttachment, Shared>();
  #hasEnded = false;

  constructor(options: SharedEventsOptions) {
    this.#options = options;
  }

  /** Nobody is to be told any more: what waits to be read or decided is not. */
  end(): void {
    this.#hasEnded = true;
  }

  /** The attachment as it is now. All who ask before the reading begins share its result. */
  read(id: string): Promise<StoredAttachment | null> {
    const { common } = this.#options;
    if (!common) return this.#readOwn(id);
    const reading = common.read(id);
    const checked = this.#checked.get(reading) ?? this.#checkRead(id, reading);
    this.#checked.set(reading, checked);
    return checked;
  }

  /** All of the organization have the same `reading`; each credential is checked, and may see what the others do not. */
  async #checkRead(id: string, reading: Promise<StoredAttachment | null>): Promise<StoredAttachment | null> {
    await this.#inTurn(async () => this.#hasEnded || this.#options.assertStillGood());
    if (this.#hasEnded) return null;
    return (await reading) ?? this.#readOwn(id);
  }

  #readOwn(id: string): Promise<StoredAttachment | null> {
    const waiting = this.#unread.get(id);
    if (waiting) return waiting;
    const reading = this.#inTurn(async () => {
      // Those who hear of the change in this round ask first.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#unread.delete(id);
      if (this.#hasEnded) return null;
      const { assertStillGood, database, viewer } = this.#options;
      await assertStillGood();
      return findAttachment(database.read, viewer, id);
    });
    this.#unread.set(id, reading);
    return reading;
  }

  /** Whether this state may be told. */
  mayView(stored: StoredAttachment, target: WatchTarget): Promise<boolean> {
    // Without an authorizer, whatever may be read may be viewed.
    if (this.#options.common) return Promise.resolve(true);
    const known = this.#views.get(stored);
    if (known) return known.mayView;
    const opened = this.#options.openContext();
    const mayView = this.#inTurn(async () => {
      if (this.#hasEnded) return false;
      const { access } = opened.context;
      if (!('record' in target)) return (await access.view(stored)) !== null;
      if (!(await access.mayView(target.record, null))) return false;
      return (await access.visible([stored], target.record)).has(stored);
    });
    this.#views.set(stored, { opened, mayView });
    return mayView;
  }

  /** The event of this state. Waits for memory. */
  async hold(stored: StoredAttachment): Promise<HeldEvent> {
    const shared = this.#events.get(stored) ?? { made: this.#make(stored), holders: 0 };
    this.#events.set(stored, shared);
    shared.holders += 1;
    const leave = () => {
      shared.holders -= 1;
      if (shared.holders > 0) return false;
      this.#events.delete(stored);
      return true;
    };
    try {
      const { pieces, release } = await shared.made;
      return { pieces, release: () => void (leave() && release()) };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #make(stored: StoredAttachment): Promise<HeldEvent> {
    for (let attempt = 0; ; attempt += 1) {
      const made = await this.#makeOrShare(stored);
      const delayMs = noMemoryDelaysMs[attempt];
      if (!made.isRefused || delayMs === undefined) return made;
      made.release();
      await sleep(delayMs, undefined, { ref: false });
    }
  }

  async #makeOrShare(stored: StoredAttachment): Promise<MadeEvent> {
    const { common } = this.#options;
    const make = () => this.#inTurn(() => this.#tryToMake(stored));
    if (!common) return make();
    const answering = common.answerOf(stored);
    if (!answering) return common.makeFirst(stored, make);
    const answer = await answering;
    return (answer && this.#holdCommon(answer)) ?? make();
  }

  /** Another's answer, which takes as much of this client's memory as one of its own. Null if there is not so much. */
  #holdCommon({ pieces, values, bytes }: CommonAnswer): MadeEvent | null {
    const { context, release } = this.#options.openContext();
    if (context.budget.spend(values, bytes)) return { pieces, release, isRefused: false, common: null };
    release();
    return null;
  }

  async #tryToMake(stored: StoredAttachment): Promise<MadeEvent> {
    const { context, observed, release } = this.#takeContext(stored);
    const { budget } = context;
    const { turns, key, limits } = budget;
    try {
      await turns.next(key);
      const { args, mask } = this.#options;
      observed.wasLookedAt = false;
      const { data, errors } = await execute({ ...args, rootValue: stored, contextValue: context });
      const isRefused = budget.fault?.code === 'RATE_LIMITED';
      const answer = { data, errors: errors && mask(errors) };
      const maxBytes = limits.bytes + budget.introspected.bytes;
      const written = await writeAnswer(answer, turns, { key, maxBytes });
      const pieces = written ?? this.#tooLarge(context);
      const isCommon = !observed.wasLookedAt && !isRefused;
      const { values, bytes } = budget;
      return { pieces, release, isRefused, common: isCommon ? { pieces, values, bytes } : null };
    } catch (error) {
      release();
      throw error;
    }
  }

  #tooLarge({ budget: { limits } }: GraphqlContext): Buffer[] {
    const fault = tooComplex(limits, 'bytes');
    const errors = [{ message: fault.message, extensions: errorExtensions(fault) }];
    return [Buffer.from(JSON.stringify({ data: null, errors }))];
  }

  /** That in which it was decided who may view it, for the answers of the authorizer that it knows. */
  #takeContext(stored: StoredAttachment): EventContext {
    const view = this.#views.get(stored);
    const opened = view?.opened ?? this.#options.openContext();
    if (view) view.opened = null;
    return opened;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#options.seats.run(this.#options.viewer.organizationId, work, true);
  }
}
