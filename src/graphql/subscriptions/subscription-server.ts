import { type ExecutionArgs, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { type Context, MessageType, makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import type { Admit } from '../../auth/admit.js';
import type { Authenticate } from '../../auth/authenticate.js';
import { AttachmentError, isLogged } from '../../errors.js';
import { type RateLimiter, rateLimited } from '../../limits/rate-limiter.js';
import type { GraphqlDependencies } from '../context.js';
import { formatError, formatWithoutSuggestions, internalCause } from '../format-error.js';
import type { Screen } from '../screen-operation.js';
import { CredentialWatch } from './credential-watch.js';
import { ExactMessages } from './exact-messages.js';
import { LiveSubscriptions, type Subscriber } from './live-subscriptions.js';
import { type Connection, ConnectionPlaces, openSession, type Session } from './open-session.js';
import { createSubscriptionScreen } from './screen-subscription.js';
import { type LiveBounds, SubscriptionPlaces, tooMany } from './subscription-places.js';

export interface SubscriptionServerDependencies extends GraphqlDependencies {
  /** Asked once for each connection. */
  admit: Admit;
  /** Asked again and again while it is open. */
  authenticate: Authenticate;
  /** Counts the subscriptions of each principal that begin; null for no limit. */
  subscribing: RateLimiter | null;
  screen: Screen;
  liveBounds: LiveBounds;
  /** Whether clients may learn the schema, be it by suggestions. */
  introspection: boolean;
}

type ConnectionContext = Context<Record<string, unknown>, Connection>;

const maxOnConnection = 100;
const initTimeoutMs = 3_000;

/** Serves subscriptions by the protocol graphql-transport-ws, whatever carries its messages. */
export function createSubscriptionServer(
  schema: GraphQLSchema,
  deps: SubscriptionServerDependencies,
): Server<Connection> {
  const credentials = new CredentialWatch(deps);
  const connections = new ConnectionPlaces(deps.liveBounds);
  const sessions = new WeakMap<Connection, Session>();
  const format = deps.introspection ? formatError : formatWithoutSuggestions;
  const mask = ({ extra }: ConnectionContext, errors: readonly GraphQLError[]) =>
    errors.map((error) => maskError(error, format, (cause) => extra.logError(cause)));
  const messages = new ExactMessages<Connection>();
  const live = new LiveSubscriptions(deps, credentials);
  const admitted = new WeakMap<ExecutionArgs, Subscriber>();
  const admit = createSubscriptionAdmission(schema, deps);
  const server = makeServer<Record<string, unknown>, Connection>({
    connectionInitWaitTimeout: initTimeoutMs,
    jsonMessageReviver: refuseServerMessages,
    onConnect: async ({ connectionParams, extra }) => {
      const session = await openSession({ ...deps, credentials, connections }, connectionParams, extra);
      if (session) sessions.set(extra, session);
      return session !== null;
    },
    onSubscribe: async (ctx, id, payload) => {
      const inexact = messages.take(ctx.extra, id);
      const session = sessions.get(ctx.extra);
      if (!session) throw new AttachmentError('UNAUTHENTICATED');
      const found = await admit(ctx, { session, payload, inexact });
      if (!('place' in found)) return found;
      const { args, place } = found;
      const maskAll = (errors: readonly GraphQLError[]) => mask(ctx, errors);
      admitted.set(args, { id, session, connection: ctx.extra, args, place, mask: maskAll });
      return args;
    },
    subscribe: async (args) => {
      const subscriber = admitted.get(args);
      if (!subscriber) throw new AttachmentError('INTERNAL_SERVER_ERROR');
      return live.begin(subscriber);
    },
    onError: (ctx, _id, _payload, errors) => mask(ctx, errors),
    onNext: (ctx, _id, _payload, _args, { data, errors }) =>
      errors && { ...(data === undefined ? {} : { data }), errors: mask(ctx, errors) },
    onClose: ({ extra }) => sessions.get(extra)?.release(),
  });
  return messages.watch(server);
}

/** Tells what to execute for a message, and takes a place for it; or says why not. */
function createSubscriptionAdmission(schema: GraphQLSchema, deps: SubscriptionServerDependencies) {
  const screen = createSubscriptionScreen(schema, deps);
  const places = new SubscriptionPlaces(deps.liveBounds);
  return async (
    { subscriptions }: ConnectionContext,
    asked: { session: Session; payload: SubscribePayload; inexact: GraphQLError | null },
  ) => {
    const { session, payload, inexact } = asked;
    // The one that is asked for is counted already.
    const isFull = Object.keys(subscriptions).length > maxOnConnection;
    if (isFull) return [tooMany(maxOnConnection, 'subscriptions on one connection')];
    const tooOften = await countSubscribing(deps.subscribing, session);
    if (tooOften) return [tooOften];
    if (inexact) return [inexact];
    const args = screen(payload);
    if (!('document' in args)) return args;
    const { viewer, principal } = session;
    const { organizationId } = viewer;
    const place = places.take({ organizationId, principal, payload, document: args.document });
    if (place instanceof GraphQLError) return [place];
    return { args, place };
  };
}

/** Messages that only a server may send. The library closes a connection for a message that cannot be read, but fails at one of these. */
const serverMessages: ReadonlySet<unknown> = new Set([
  MessageType.ConnectionAck,
  MessageType.Next,
  MessageType.Error,
]);

/** For JSON.parse: throws for the message as a whole, which comes last and under no name. */
function refuseServerMessages(key: string, value: unknown): unknown {
  const isMessage = key === '' && typeof value === 'object' && value !== null && 'type' in value;
  if (isMessage && serverMessages.has(value.type)) throw new SyntaxError('Only a server sends this.');
  return value;
}

/** Each is worth a request, but one page may begin many of them at once. */
async function countSubscribing(
  subscribing: RateLimiter | null,
  { principal }: Session,
): Promise<GraphQLError | null> {
  const rate = await subscribing?.count(principal);
  if (!rate?.isExceeded) return null;
  const msg = `At most ${rate.limit} subscriptions of one principal may begin in a minute.`;
  return new GraphQLError(msg, { originalError: rateLimited(rate, msg, 'too_many_requests') });
}

/** As over HTTP. What a subscription itself has thrown comes without a path, and is unwrapped here. */
function maskError(
  error: GraphQLError,
  format: typeof formatError,
  logError: (error: unknown) => void,
): GraphQLFormattedError {
  const { originalError } = error;
  if (originalError instanceof AttachmentError) {
    if (isLogged(originalError)) logError(originalError.cause ?? originalError);
    return format(error.toJSON(), originalError);
  }
  const cause = internalCause(error);
  if (cause) logError(cause);
  return format(error.toJSON(), error);
}
