import { createHash } from 'node:crypto';
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
} from 'graphql';
import type { WatchTarget } from '../../attachments/watch-attachments.js';
import { subscriptionNeed, type Viewer } from '../../auth/viewer.js';
import { FairTurns } from '../../database/fair-turns.js';
import type { Release } from '../../limits/places.js';
import { GraphqlContext, type GraphqlDependencies, type RequestFacts, turnOf } from '../context.js';
import { CommonEvents, ObservedViewer } from './common-events.js';
import type { Connection, CredentialWatch, Session } from './open-session.js';
import { type EventContext, SharedEvents } from './shared-events.js';
import { type Changes, watchVisible } from './watch-visible.js';

/** One subscription that is about to begin. */
export interface Subscriber {
  /** The bytes before and after each event. */
  frame: { before: Buffer; after: Buffer };
  session: Session;
  connection: Connection;
  args: ExecutionArgs;
  /** Its place among all; freed once it has ended. */
  place: Release;
  /** The form that errors have for clients. Logs what it masks. */
  mask(errors: readonly GraphQLError[]): GraphQLFormattedError[];
}

/** Reads and answers under way for subscribers: in all, and of one organization. */
const seats = Array.from({ length: 64 }, (_, seat) => seat);
const seatsOfOrganization = 16;

/** An event of so many bytes is sent as one frame; else its pieces are frames that all subscribers share. */
const maxFrame = 16 * 1024;

/** Values of which each is there as long as somebody holds it. */
class HeldValues<Value> {
  readonly #held = new Map<string, { value: Value; holders: number }>();

  /** The value of this key, opened if nobody holds it. Whoever lets it go the last is told so. */
  hold(key: string, open: () => Value): { value: Value; letGo: () => boolean } {
    const held = this.#held.get(key) ?? { value: open(), holders: 0 };
    this.#held.set(key, held);
    held.holders += 1;
    const letGo = () => {
      held.holders -= 1;
      return held.holders === 0 && this.#held.delete(key);
    };
    return { value: held.value, letGo };
  }
}

interface Group {
  events: SharedEvents;
  end(): void;
}

/** Begins subscriptions. Those that ask for the same share what they are told, as far as it is the same for them. */
export class LiveSubscriptions {
  readonly #deps: GraphqlDependencies;
  readonly #credentials: CredentialWatch;
  readonly #seats = new FairTurns({ seats, seatsOfOneKey: seatsOfOrganization, patienceMs: 0 });
  /** Those who ask for the same by the same credential. */
  readonly #groups = new HeldValues<Group>();
  /** Those of an organization who ask for the same. */
  readonly #commons = new HeldValues<CommonEvents>();

  constructor(deps: GraphqlDependencies, credentials: CredentialWatch) {
    this.#deps = deps;
    this.#credentials = credentials;
  }

  /** The result tells its subscriber by itself, and yields nothing; or says why there is nothing to tell. */
  async begin(subscriber: Subscriber): Promise<AsyncIterableIterator<never> | ExecutionResult> {
    const { events, leave } = this.#join(subscriber);
    let changes: Changes | null = null;
    const watch = async (target: WatchTarget) => {
      changes = await watchVisible({ context, events }, target);
      return changes;
    };
    const context = this.#openContext(subscriber, { viewer: subscriber.session.viewer, watch });
    try {
      const stream = await createSourceEventStream({ ...subscriber.args, contextValue: context });
      if (changes) return tellChanges(changes, { events, leave, tell: this.#tellerOf(subscriber) });
      leave();
      return stream as ExecutionResult;
    } catch (error) {
      leave();
      throw error;
    }
  }

  #join(subscriber: Subscriber): { events: SharedEvents; leave: Release } {
    const { value: group, letGo } = this.#groups.hold(keyOf(subscriber), () => this.#open(subscriber));
    let isMember = true;
    const leave = () => {
      if (!isMember) return;
      isMember = false;
      subscriber.place();
      if (letGo()) group.end();
    };
    return { events: group.events, leave };
  }

  #open(subscriber: Subscriber): Group {
    const { session, args, mask } = subscriber;
    const { database, recordAuthorizer } = this.#deps;
    const held = recordAuthorizer.isActive ? null : this.#holdCommon(subscriber);
    const events = new SharedEvents({
      database,
      viewer: session.viewer,
      args,
      mask,
      seats: this.#seats,
      common: held?.value ?? null,
      openContext: () => this.#openEvent(subscriber),
      assertStillGood: () => this.#credentials.assertStillGood(session.authorization),
    });
    const end = () => {
      events.end();
      held?.letGo();
    };
    return { events, end };
  }

  #holdCommon({ session: { viewer }, args }: Subscriber) {
    const { organizationId } = viewer;
    const options = { organizationId, database: this.#deps.database, seats: this.#seats };
    return this.#commons.hold(digestOf([organizationId, ...partsOf(args)]), () => new CommonEvents(options));
  }

  #openEvent(subscriber: Subscriber): EventContext {
    const releases: Release[] = [];
    const onClosed = (release: Release) => void releases.push(release);
    const release = () => {
      for (const each of releases.splice(0)) each();
    };
    const observed = new ObservedViewer(subscriber.session.viewer);
    // The permission has been checked with the credential.
    const facts = { viewer: observed, metNeed: subscriptionNeed, onClosed };
    return { context: this.#openContext(subscriber, facts), observed, release };
  }

  #openContext(
    { connection }: Subscriber,
    facts: { viewer: Viewer } & Pick<RequestFacts, 'watch' | 'onClosed' | 'metNeed'>,
  ): GraphqlContext {
    return new GraphqlContext(this.#deps, {
      taken: [],
      screened: null,
      address: connection.address,
      pieces: null,
      logError: (error: unknown) => connection.logError(error),
      ...facts,
    });
  }

  #tellerOf({ frame: { before, after }, session, connection }: Subscriber): Tell {
    const { turns } = this.#deps;
    const key = turnOf(session.viewer);
    return async (pieces) => {
      // Always a turn of its own: those of thousands would all begin before the first had written anything.
      await new Promise<void>((resolve) => turns.enqueue(key, resolve));
      const message = [before, ...pieces, after];
      const size = message.reduce((sum, { length }) => sum + length, 0);
      await connection.sendPieces(size <= maxFrame ? [Buffer.concat(message)] : message);
    };
  }
}

/** The same for all that share all of their events. */
function keyOf({ session: { viewer, authorization }, args }: Subscriber): string {
  return digestOf([authorization, viewer, ...partsOf(args)]);
}

const partsOf = ({ document, operationName, variableValues }: ExecutionArgs): unknown[] => [
  document.loc?.source.body,
  operationName,
  variableValues,
];

const digestOf = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64');

/** Sends an event of these pieces of JSON, and resolves once the client has taken it. */
export type Tell = (pieces: readonly Buffer[]) => Promise<void>;

/**
 * Tells one subscriber of changes, each once it has taken the one before. It is for the protocol to wait for and to end, and
 * gives it nothing: the protocol would write each event anew for each subscriber.
 */
function tellChanges(
  changes: Changes,
  { events, tell, leave }: { events: Pick<SharedEvents, 'hold'>; tell: Tell; leave: Release },
): AsyncIterableIterator<never> {
  let hasEnded = false;
  const end = async () => {
    hasEnded = true;
    leave();
    await changes.return?.();
  };
  const tellAll = async () => {
    for (let step = await changes.next(); !step.done; step = await changes.next()) {
      const { pieces, release } = await events.hold(step.value);
      try {
        if (!hasEnded) await tell(pieces);
      } finally {
        release();
      }
    }
  };
  const done = async (): Promise<IteratorReturnResult<undefined>> => ({ done: true, value: undefined });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => tellAll().finally(end).then(done),
    return: () => end().then(done),
    throw: (error) => end().then(() => Promise.reject(error)),
  };
}
