import { type ExecutionArgs, GraphQLError, type GraphQLSchema } from 'graphql';
import { type Context, MessageType, makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import type { Admit } from '../../auth/authenticate.js';
import { AttachmentError } from '../../errors.js';
import { assertExactNumbers } from '../json-limits.js';
import type { Screen } from '../screen-operation.js';
import { type Connection, openSession, type Session } from './open-session.js';
import { maxOnConnection, tooManyOnConnection } from './subscription-places.js';
import { createSubscriptionScreen, type NewSubscriber, type Subscriptions } from './subscriptions.js';

export interface SocketProtocolDependencies {
  /** Asked once for each connection. */
  admit: Admit;
  subscriptions: Subscriptions;
  screen: Screen;
  /** Whether clients may learn the schema, be it by suggestions. */
  introspection: boolean;
}

type ConnectionContext = Context<Record<string, unknown>, Connection>;

const initTimeoutMs = 3_000;

/** Serves subscriptions by the protocol graphql-transport-ws, whatever carries its messages. */
export function createSocketProtocol(
  schema: GraphQLSchema,
  deps: SocketProtocolDependencies,
): Server<Connection> {
  const { subscriptions } = deps;
  const hold: Subscriptions['hold'] = (found, connection) => subscriptions.hold(found, connection);
  const sessions = new WeakMap<Connection, Session>();
  const mask = ({ extra }: ConnectionContext, errors: readonly GraphQLError[]) =>
    subscriptions.mask(errors, (cause) => extra.logError(cause));
  const messages = new ExactMessages<Connection>();
  const admitted = new WeakMap<ExecutionArgs, NewSubscriber>();
  const admit = createSubscriptionAdmission(schema, deps);
  const server = makeServer<Record<string, unknown>, Connection>({
    connectionInitWaitTimeout: initTimeoutMs,
    jsonMessageReviver: refuseServerMessages,
    onConnect: async ({ connectionParams, extra }) => {
      const session = await openSession({ admit: deps.admit, hold }, connectionParams, extra);
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
      admitted.set(args, { frame: frameOf(id), session, connection: ctx.extra, args, place });
      return args;
    },
    subscribe: async (args) => {
      const subscriber = admitted.get(args);
      if (!subscriber) throw new AttachmentError('INTERNAL_SERVER_ERROR');
      return subscriptions.begin(subscriber);
    },
    onError: (ctx, _id, _payload, errors) => mask(ctx, errors),
    onNext: (ctx, _id, _payload, _args, { data, errors }) =>
      errors && { ...(data === undefined ? {} : { data }), errors: mask(ctx, errors) },
    onClose: ({ extra }) => sessions.get(extra)?.release(),
  });
  return messages.watch(server);
}

/** The message of an event, around it. */
function frameOf(id: string) {
  const before = Buffer.from(`{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":`);
  return { before, after: Buffer.from('}') };
}

/** Tells what to execute for a message, and takes a place for it; or says why not. */
function createSubscriptionAdmission(
  schema: GraphQLSchema,
  { subscriptions, ...deps }: SocketProtocolDependencies,
) {
  const screen = createSubscriptionScreen(schema, deps);
  return async (
    { subscriptions: begun }: ConnectionContext,
    asked: { session: Session; payload: SubscribePayload; inexact: GraphQLError | null },
  ) => {
    const { session, payload, inexact } = asked;
    // The one that is asked for is counted already.
    if (Object.keys(begun).length > maxOnConnection) return [tooManyOnConnection()];
    const tooOften = await subscriptions.count(session);
    if (tooOften) return [tooOften];
    if (inexact) return [inexact];
    const args = screen(payload);
    if (!('document' in args)) return args;
    const place = subscriptions.take(session, payload, args.document);
    return place instanceof GraphQLError ? [place] : { args, place };
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

/** The place of the variables in a message that subscribes. */
const variables = ['payload', 'variables'];

/**
 * Finds numbers in messages that would be changed. The protocol parses messages by itself, and hands on what it has understood:
 * their text is looked at before, and what is wrong with it is kept until the protocol asks for it.
 */
class ExactMessages<Connection extends object> {
  /** By the id of the subscription. */
  readonly #faults = new WeakMap<Connection, Map<string, GraphQLError>>();

  /** Has the server's messages looked at on their way in. */
  watch(server: Server<Connection>): Server<Connection> {
    return {
      ...server,
      opened: (socket, connection) => {
        const faults = new Map<string, GraphQLError>();
        this.#faults.set(connection, faults);
        const onMessage = (receive: (text: string) => Promise<void>) =>
          socket.onMessage((text) => {
            note(faults, text);
            return receive(text);
          });
        return server.opened({ ...socket, onMessage }, connection);
      },
    };
  }

  /** The fault of the message that asked for this subscription; told once. */
  take(connection: Connection, id: string): GraphQLError | null {
    const faults = this.#faults.get(connection);
    const fault = faults?.get(id) ?? null;
    faults?.delete(id);
    return fault;
  }
}

/** A message that is no JSON, or asks for no subscription, is the protocol's to refuse. */
function note(faults: Map<string, GraphQLError>, text: string): void {
  try {
    assertExactNumbers(text, variables);
  } catch (error) {
    if (!(error instanceof AttachmentError)) return;
    const id = subscriptionOf(text);
    if (id !== null) faults.set(id, new GraphQLError(error.message, { originalError: error }));
  }
}

function subscriptionOf(text: string): string | null {
  try {
    const { id, type } = JSON.parse(text) as Record<string, unknown>;
    return type === 'subscribe' && typeof id === 'string' ? id : null;
  } catch {
    return null;
  }
}
