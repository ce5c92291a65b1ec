import { createHash } from 'node:crypto';
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLFormattedError,
} from 'graphql';
import { MessageType } from 'graphql-ws';
import { FairTurns } from '../../database/fair-turns.js';
import type { Release } from '../../limits/places.js';
import { GraphqlContext, type GraphqlDependencies, type RequestFacts, turnOf } from '../context.js';
import type { CredentialWatch } from './credential-watch.js';
import type { Connection, Session } from './open-session.js';
import { type EventContext, SharedEvents } from './shared-events.js';
import { type Changes, watchVisible } from './watch-visible.js';

/** One subscription that is about to begin. */
export interface Subscriber {
  id: string;
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

interface Group {
  events: SharedEvents;
  members: number;
}

/** Begins subscriptions. Those that ask for the same by the same credential share what they are told. */
export class LiveSubscriptions {
  readonly #deps: GraphqlDependencies;
  readonly #credentials: CredentialWatch;
  readonly #seats = new FairTurns({ seats, seatsOfOneKey: seatsOfOrganization, patienceMs: 0 });
  readonly #groups = new Map<string, Group>();

  constructor(deps: GraphqlDependencies, credentials: CredentialWatch) {
    this.#deps = deps;
    this.#credentials = credentials;
  }

  /** The result tells its subscriber by itself, and yields nothing; or says why there is nothing to tell. */
  async begin(subscriber: Subscriber): Promise<AsyncIterable<never> | ExecutionResult> {
    const { events, leave } = this.#join(subscriber);
    let changes: Changes | null = null;
    const context = this.#openContext(subscriber, async (target) => {
      changes = await watchVisible({ context, events }, target);
      return changes;
    });
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
    const key = keyOf(subscriber);
    const group = this.#groups.get(key) ?? { events: this.#share(subscriber), members: 0 };
    this.#groups.set(key, group);
    group.members += 1;
    let isMember = true;
    const leave = () => {
      if (!isMember) return;
      isMember = false;
      subscriber.place();
      group.members -= 1;
      if (group.members > 0) return;
      this.#groups.delete(key);
      group.events.end();
    };
    return { events: group.events, leave };
  }

  #share(subscriber: Subscriber): SharedEvents {
    const { session, args, mask } = subscriber;
    return new SharedEvents({
      database: this.#deps.database,
      viewer: session.viewer,
      args,
      mask,
      seats: this.#seats,
      openContext: () => this.#openEvent(subscriber),
      assertStillGood: () => this.#credentials.assertStillGood(session.authorization),
    });
  }

  #openEvent(subscriber: Subscriber): EventContext {
    const releases: Release[] = [];
    const onClosed = (release: Release) => void releases.push(release);
    const release = () => {
      for (const each of releases.splice(0)) each();
    };
    return { context: this.#openContext(subscriber, undefined, onClosed), release };
  }

  #openContext(
    { session: { viewer }, connection }: Subscriber,
    watch: RequestFacts['watch'],
    onClosed?: RequestFacts['onClosed'],
  ): GraphqlContext {
    return new GraphqlContext(this.#deps, {
      viewer,
      taken: [],
      screened: null,
      address: connection.address,
      pieces: null,
      logError: (error: unknown) => connection.logError(error),
      ...(watch ? { watch } : {}),
      ...(onClosed ? { onClosed } : {}),
    });
  }

  #tellerOf({ id, session, connection }: Subscriber): Tell {
    const { turns } = this.#deps;
    const key = turnOf(session.viewer);
    const before = Buffer.from(`{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":`);
    const after = Buffer.from('}');
    return async (pieces) => {
      await turns.next(key);
      const message = [before, ...pieces, after];
      const size = message.reduce((sum, { length }) => sum + length, 0);
      await connection.sendPieces(size <= maxFrame ? [Buffer.concat(message)] : message);
    };
  }
}

/** The same for all that may share their events. */
function keyOf({ session: { viewer, authorization }, args }: Subscriber): string {
  const { document, operationName, variableValues } = args;
  const text = document.loc?.source.body;
  const parts = [authorization, viewer, text, operationName, variableValues];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

/** Sends an event of these pieces of JSON, and resolves once the client has taken it. */
export type Tell = (pieces: readonly Buffer[]) => Promise<void>;

/**
 * Tells one subscriber of changes, each once it has taken the one before. It is for the protocol to wait for and to end, and
 * gives it nothing: the protocol would write each event anew for each subscriber.
 */
export function tellChanges(
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
