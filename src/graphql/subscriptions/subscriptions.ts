import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST } from 'graphql';
import type { Authenticate } from '../../auth/authenticate.js';
import type { Viewer } from '../../auth/viewer.js';
import type { Release } from '../../limits/places.js';
import { type RateLimiter, rateLimited } from '../../limits/rate-limiter.js';
import { traceOperation } from '../answer-operation.js';
import type { GraphqlDependencies } from '../context.js';
import { formatError, formatWithoutSuggestions, internalCause } from '../format-error.js';
import { CredentialWatch } from './credential-watch.js';
import { LiveSubscriptions, type Subscriber } from './live-subscriptions.js';
import { type Connection, ConnectionPlaces, holdSession, type Session } from './open-session.js';
import { type Asked, type LiveBounds, SubscriptionPlaces } from './subscription-places.js';

export interface SubscriptionDependencies extends GraphqlDependencies {
  /** Asked again and again while a connection is open. */
  authenticate: Authenticate;
  /** Counts the subscriptions of each principal that begin; null for no limit. */
  subscribing: RateLimiter | null;
  liveBounds: LiveBounds;
  /** Whether clients may learn the schema, be it by suggestions. */
  introspection: boolean;
}

/** A subscription that is about to begin, without what all of them have in common. */
export type NewSubscriber = Omit<Subscriber, 'mask'>;

/** The subscriptions of all clients, whatever protocol they speak: one set of bounds, and events that are made once for all. */
export class Subscriptions {
  readonly #deps: SubscriptionDependencies;
  readonly #credentials: CredentialWatch;
  readonly #connections: ConnectionPlaces;
  readonly #places: SubscriptionPlaces;
  readonly #live: LiveSubscriptions;

  constructor(deps: SubscriptionDependencies) {
    this.#deps = deps;
    this.#credentials = new CredentialWatch(deps);
    this.#connections = new ConnectionPlaces(deps.liveBounds);
    this.#places = new SubscriptionPlaces(deps.liveBounds);
    this.#live = new LiveSubscriptions(deps, this.#credentials);
  }

  /** Null past a limit. Throws FORBIDDEN. */
  hold(found: { viewer: Viewer; authorization: string }, connection: Connection): Session | null {
    const { revocations } = this.#deps;
    const deps = { revocations, credentials: this.#credentials, connections: this.#connections };
    return holdSession(deps, found, connection);
  }

  /** Each is worth a request, but one page may begin many of them at once. An error past the limit. */
  async count({ principal }: Session): Promise<GraphQLError | null> {
    const rate = await this.#deps.subscribing?.count(principal);
    if (!rate?.isExceeded) return null;
    const msg = `At most ${rate.limit} subscriptions of one principal may begin in a minute.`;
    return new GraphQLError(msg, { originalError: rateLimited(rate, msg, 'too_many_requests') });
  }

  /** A place among all; an error if there is none. */
  take(
    { viewer, principal }: Session,
    payload: Asked['payload'],
    document: DocumentNode,
  ): Release | GraphQLError {
    return this.#places.take({ organizationId: viewer.organizationId, principal, payload, document });
  }

  begin(subscriber: NewSubscriber) {
    const { args, connection } = subscriber;
    const mask = (errors: readonly GraphQLError[]) => this.mask(errors, connection.logError);
    const operation = getOperationAST(args.document, args.operationName);
    return traceOperation(operation, () => this.#live.begin({ ...subscriber, mask }));
  }

  /** The errors as over HTTP. `logError` is told what they mask. */
  mask(errors: readonly GraphQLError[], logError: (error: unknown) => void): GraphQLFormattedError[] {
    const format = this.#deps.introspection ? formatError : formatWithoutSuggestions;
    return errors.map((error) => {
      const cause = internalCause(error);
      if (cause) logError(cause);
      return format(error.toJSON(), error);
    });
  }
}
