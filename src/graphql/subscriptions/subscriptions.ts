import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import type { Authenticate } from '../../auth/authenticate.js';
import type { Viewer } from '../../auth/viewer.js';
import { AttachmentError, fault } from '../../errors.js';
import type { Release } from '../../limits/places.js';
import { type RateLimiter, rateLimited } from '../../limits/rate-limiter.js';
import { traceOperation } from '../answer-operation.js';
import type { GraphqlDependencies } from '../context.js';
import { formatError, formatWithoutSuggestions, internalCause } from '../format-error.js';
import {
  type Screen,
  type ScreenedOperation,
  validationOptions,
  validationRules,
} from '../screen-operation.js';
import { checkVariables, variableErrors } from '../variable-faults.js';
import { LiveSubscriptions, type Subscriber } from './live-subscriptions.js';
import {
  type Connection,
  ConnectionPlaces,
  CredentialWatch,
  holdSession,
  type Session,
} from './open-session.js';
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

  async begin(subscriber: NewSubscriber) {
    const { args, connection, place } = subscriber;
    const mask = (errors: readonly GraphQLError[]) => this.mask(errors, connection.logError);
    const operation = getOperationAST(args.document, args.operationName);
    const options = { hideSuggestions: !this.#deps.introspection };
    const errors = operation && variableErrors(args.schema, operation, args.variableValues ?? {}, options);
    if (errors && errors.length > 0) {
      place();
      return { errors };
    }
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

/** Tells what to execute for a message, or why not. */
export type ScreenSubscription = (payload: SubscribePayload) => ExecutionArgs | readonly GraphQLError[];

/** Lets one subscription through and nothing else: queries and mutations have their limits and their answers over HTTP. */
export function createSubscriptionScreen(
  schema: GraphQLSchema,
  { screen, introspection }: { screen: Screen; introspection: boolean },
): ScreenSubscription {
  return ({ query, operationName, variables }) => {
    const name = operationName ?? undefined;
    const screened = orRefusal(() => {
      const found = screen({ query, operationName: name, variables: variables ?? undefined }, true);
      if (found)
        checkVariables(schema, found.operation, variables ?? {}, { hideSuggestions: !introspection });
      return found;
    });
    if (screened instanceof GraphQLError) return [screened];
    if (!screened) return explain(schema, query, introspection);
    if (screened.operation.operation !== 'subscription') {
      return [refusal('Only subscriptions are served over WebSocket; send the rest by POST.')];
    }
    const { document } = screened;
    return { schema, document, operationName: operationName ?? null, variableValues: variables ?? {} };
  };
}

/** The limits are those of operations over HTTP. */
function orRefusal(screen: () => ScreenedOperation | null): ScreenedOperation | GraphQLError | null {
  try {
    return screen();
  } catch (error) {
    if (error instanceof AttachmentError) return new GraphQLError(error.message, { originalError: error });
    throw error;
  }
}

/** Why a document, which is within the limits, cannot be executed. */
export function explain(
  schema: GraphQLSchema,
  query: string,
  introspection: boolean,
): readonly GraphQLError[] {
  const document = tryParse(query);
  if (document instanceof GraphQLError) return [document];
  const faults = validate(schema, document, validationRules(introspection), validationOptions(introspection));
  if (faults.length > 0) return faults.map((fault) => withCode(fault, 'GRAPHQL_VALIDATION_FAILED'));
  return [refusal('The document does not tell which operation is meant.')];
}

function tryParse(query: string) {
  try {
    return parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) return withCode(error, 'GRAPHQL_PARSE_FAILED');
    throw error;
  }
}

/** The codes that Apollo gives the same faults over HTTP. */
function withCode(
  { message, nodes, source, positions, originalError }: GraphQLError,
  code: string,
): GraphQLError {
  const place = nodes ? { nodes } : { source, positions };
  return new GraphQLError(message, { ...place, originalError, extensions: { code } });
}

function refusal(msg: string): GraphQLError {
  return new GraphQLError(msg, { originalError: fault('transport', ['query'], msg, { message: msg }) });
}
