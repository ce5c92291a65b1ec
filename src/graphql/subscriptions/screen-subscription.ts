import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { AttachmentError } from '../../errors.js';
import type { Operation, Screen } from '../screen-operation.js';

/** Tells what to execute for a message, or why not. */
export type ScreenSubscription = (payload: SubscribePayload) => ExecutionArgs | readonly GraphQLError[];

/** Lets one subscription through and nothing else: queries and mutations have their limits and their answers over HTTP. */
export function createSubscriptionScreen(schema: GraphQLSchema, screen: Screen): ScreenSubscription {
  return ({ query, operationName, variables }) => {
    const tooMuch = passedLimit(screen, {
      query,
      operationName: operationName ?? undefined,
      variables: variables ?? undefined,
    });
    if (tooMuch) return [tooMuch];
    const document = tryParse(query);
    if (document instanceof GraphQLError) return [document];
    const faults = validate(schema, document);
    if (faults.length > 0) return faults.map((fault) => withCode(fault, 'GRAPHQL_VALIDATION_FAILED'));
    const operation = getOperationAST(document, operationName);
    if (!operation) return [refusal('The document does not tell which operation is meant.')];
    if (operation.operation !== 'subscription') {
      return [refusal('Only subscriptions are served over WebSocket; send the rest by POST.')];
    }
    return { schema, document, operationName: operationName ?? null, variableValues: variables ?? {} };
  };
}

/** The limits are those of operations over HTTP. */
function passedLimit(screen: Screen, operation: Operation): GraphQLError | null {
  try {
    screen(operation);
    return null;
  } catch (error) {
    if (error instanceof AttachmentError) return new GraphQLError(error.message, { originalError: error });
    throw error;
  }
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
function withCode({ message, nodes, source, positions }: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(message, { ...(nodes ? { nodes } : { source, positions }), extensions: { code } });
}

function refusal(msg: string): GraphQLError {
  const details = [{ loc: ['query'], msg, type: 'transport' }];
  const originalError = new AttachmentError('BAD_USER_INPUT', { message: msg, details });
  return new GraphQLError(msg, { originalError });
}
