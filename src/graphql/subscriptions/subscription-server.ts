import { type DocumentNode, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { CloseCode, type Context, MessageType, makeServer, type Server } from 'graphql-ws';
import type { Admit } from '../../auth/admit.js';
import type { Authenticate } from '../../auth/authenticate.js';
import { assertPermitted, subscriptionNeed } from '../../auth/permission-table.js';
import type { Viewer } from '../../auth/viewer.js';
import { AttachmentError, isLogged } from '../../errors.js';
import { Places, type Release } from '../../limits/places.js';
import { principalKey, type RateLimiter, rateLimited } from '../../limits/rate-limiter.js';
import { GraphqlContext, type GraphqlDependencies } from '../context.js';
import { free } from '../cost/introspection-cost.js';
import { formatError, formatWithoutSuggestions, internalCause } from '../format-error.js';
import type { Screen } from '../screen-operation.js';
import { CredentialWatch } from './credential-watch.js';
import { ExactMessages } from './exact-messages.js';
import { createSubscriptionScreen } from './screen-subscription.js';

export interface SubscriptionServerDependencies extends GraphqlDependencies {
  /** Asked once for each connection. */
  admit: Admit;
  /** Asked again and again while it is open. */
  authenticate: Authenticate;
  /** Counts the subscriptions of each principal that begin; null for no limit. */
  subscribing: RateLimiter | null;
  screen: Screen;
  /** Whether clients may learn the schema, be it by suggestions. */
  introspection: boolean;
}

/** A connection, as the transport gives it. */
export interface Connection {
  /** The client's IP address. */
  address: string;
  isOpen(): boolean;
  /** Called once its credential has been found good. */
  identified(): void;
  close(code: number, reason: string): void;
  logError(error: unknown): void;
}

/** What is known of a connection once its credential has been found good. */
interface Session {
  viewer: Viewer;
  authorization: string;
  /** The key under which the principal's connections and subscriptions are counted. */
  principal: string;
  /** The places that this connection's subscriptions take among those of the principal. */
  places: Release[];
  release(): void;
}

type ConnectionContext = Context<Record<string, unknown>, Connection>;

const maxSubscriptions = 100;
const maxConnectionsOfPrincipal = 1_000;
const maxSubscriptionsOfPrincipal = 10_000;
const initTimeoutMs = 3_000;

/** Standard code: come back later. */
const tryAgainLater = 1013;

/** Serves subscriptions by the protocol graphql-transport-ws, whatever carries its messages. */
export function createSubscriptionServer(
  schema: GraphQLSchema,
  deps: SubscriptionServerDependencies,
): Server<Connection> {
  const credentials = new CredentialWatch(deps);
  const connections = new Places(maxConnectionsOfPrincipal);
  const subscriptions = new Places(maxSubscriptionsOfPrincipal);
  const sessions = new WeakMap<Connection, Session>();
  const screen = createSubscriptionScreen(schema, deps);
  const format = deps.introspection ? formatError : formatWithoutSuggestions;
  const mask = ({ extra }: ConnectionContext, errors: readonly GraphQLError[]) =>
    errors.map((error) => maskError(error, format, (cause) => extra.logError(cause)));
  const messages = new ExactMessages<Connection>();
  const server = makeServer<Record<string, unknown>, Connection>({
    connectionInitWaitTimeout: initTimeoutMs,
    jsonMessageReviver: refuseServerMessages,
    onConnect: async ({ connectionParams, extra }) => {
      const session = await connect({ ...deps, credentials, connections }, connectionParams, extra);
      if (session) sessions.set(extra, session);
      return session !== null;
    },
    onSubscribe: async (ctx, id, payload) => {
      const inexact = messages.take(ctx.extra, id);
      // The one that is asked for is counted already.
      const isFull = Object.keys(ctx.subscriptions).length > maxSubscriptions;
      if (isFull) return [tooManySubscriptions(maxSubscriptions, 'on one connection')];
      const session = sessions.get(ctx.extra);
      if (!session) throw new AttachmentError('UNAUTHENTICATED');
      const tooOften = await countSubscribing(deps.subscribing, session);
      if (tooOften) return [tooOften];
      if (inexact) return [inexact];
      const screened = screen(payload);
      if (!('document' in screened)) return screened;
      const place = ctx.extra.isOpen() ? subscriptions.take(session.principal) : null;
      if (!place) return [tooManySubscriptions(maxSubscriptionsOfPrincipal, 'of one principal')];
      session.places.push(place);
      return {
        ...screened,
        contextValue: contextOf(deps, ctx, { credentials, session, document: screened.document }),
      };
    },
    onComplete: ({ extra }) => sessions.get(extra)?.places.pop()?.(),
    onError: (ctx, _id, _payload, errors) => mask(ctx, errors),
    onNext: (ctx, _id, _payload, _args, { data, errors }) =>
      errors && { ...(data === undefined ? {} : { data }), errors: mask(ctx, errors) },
    onClose: ({ extra }) => sessions.get(extra)?.release(),
  });
  return messages.watch(server);
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

function contextOf(
  deps: SubscriptionServerDependencies,
  { extra }: ConnectionContext,
  {
    credentials,
    session,
    document,
  }: { credentials: CredentialWatch; session: Session; document: DocumentNode },
): GraphqlContext {
  const { viewer, authorization } = session;
  return new GraphqlContext(deps, {
    viewer,
    longTexts: new Map(),
    taken: [],
    screened: { document, introspection: free },
    address: extra.address,
    pieces: null,
    logError: (error: unknown) => extra.logError(error),
    assertStillGood: () => credentials.assertStillGood(authorization),
  });
}

interface ConnectDependencies extends Pick<SubscriptionServerDependencies, 'admit' | 'revocations'> {
  credentials: CredentialWatch;
  connections: Places;
}

/**
 * Null where the connection has been closed instead: 4401 without a good credential, 4403 where it lacks the permission, 1013
 * past a limit. Connections are counted by their principal, however its credential is written.
 */
async function connect(
  { admit, revocations, credentials, connections }: ConnectDependencies,
  params: Record<string, unknown> | undefined,
  connection: Connection,
): Promise<Session | null> {
  const authorization = readAuthorization(params);
  try {
    const admitted = await admit({ authorization, address: connection.address });
    const viewer = assertPermitted(admitted, subscriptionNeed);
    if (!connection.isOpen()) return null;
    const principal = principalKey(viewer.organizationId, viewer.principal.id);
    const place = connections.take(principal);
    if (!place) {
      connection.close(tryAgainLater, 'Too many connections');
      return null;
    }
    connection.identified();
    // As the protocol's clients have it, they may come back with another credential; with this one they will not get in.
    const onRevoked = () => connection.close(CloseCode.Forbidden, 'The credential is not good any more');
    const letGo = credentials.hold(authorization, onRevoked);
    // At once; the watch finds out within seconds about what is not heard.
    const stopListening = revocations.listen((keyId) => {
      if (keyId === viewer.keyId) onRevoked();
    });
    const places: Release[] = [];
    const release = () => {
      for (const each of [stopListening, letGo, place, ...places.splice(0)]) each();
    };
    return { viewer, authorization, principal, places, release };
  } catch (error) {
    refuse(connection, error);
    return null;
  }
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

/** The member is found whatever its case, since tools pass their headers on as they were typed. */
function readAuthorization(params: Record<string, unknown> = {}): string {
  const name = Object.keys(params).find((key) => key.toLowerCase() === 'authorization') ?? '';
  const value = params[name];
  if (typeof value !== 'string') return '';
  // A credential alone, without the scheme that headers have, is one too. Schemes are written in one way.
  const [, scheme = 'Bearer', credential] = /^(?:(Basic|Bearer) +)?(\S+)$/i.exec(value) ?? [];
  if (credential === undefined) return value;
  return `${scheme.toLowerCase() === 'basic' ? 'Basic' : 'Bearer'} ${credential}`;
}

function refuse(connection: Connection, error: unknown): void {
  const code = error instanceof AttachmentError ? error.code : null;
  if (code === 'UNAUTHENTICATED') connection.close(CloseCode.Unauthorized, 'Unauthorized');
  else if (code === 'FORBIDDEN') connection.close(CloseCode.Forbidden, 'Forbidden');
  else {
    if (code !== 'RATE_LIMITED') connection.logError(error);
    connection.close(tryAgainLater, 'Try again later');
  }
}

function tooManySubscriptions(limit: number, where: string): GraphQLError {
  const msg = `At most ${limit} subscriptions are allowed ${where}.`;
  const details = [{ loc: ['id'], msg, type: 'too_many_subscriptions' }];
  const originalError = new AttachmentError('BAD_USER_INPUT', { message: msg, limit, details });
  return new GraphQLError(msg, { originalError });
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
