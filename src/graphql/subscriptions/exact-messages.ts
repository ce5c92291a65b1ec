import { GraphQLError } from 'graphql';
import type { Server } from 'graphql-ws';
import { AttachmentError } from '../../errors.js';
import { assertExactNumbers } from '../exact-numbers.js';

/** The place of the variables in a message that subscribes. */
const variables = ['payload', 'variables'];

/**
 * Finds numbers in messages that would be changed. The protocol parses messages by itself, and hands on what it has understood:
 * their text is looked at before, and what is wrong with it is kept until the protocol asks for it.
 */
export class ExactMessages<Connection extends object> {
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
