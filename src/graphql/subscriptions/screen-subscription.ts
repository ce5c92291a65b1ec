import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { AttachmentError } from '../../errors.js';

/** Tells what to execute for a message, or why not. */
export type ScreenSubscription = (payload: SubscribePayload) => ExecutionArgs | readonly GraphQLError[];

/** A document that lies within the bound of a message cannot nearly have more. */
const maxTokens = 20_000;

/** Lets one subscription through and nothing else: queries and mutations have their limits and their answers over HTTP. */
export function createSubscriptionScreen(
  schema: GraphQLSchema,
  rules: readonly ValidationRule[] = [],
): ScreenSubscription {
  const allRules = [...specifiedRules, ...rules];
  return ({ query, operationName, variables }) => {
    const document = tryParse(query);
    if (document instanceof GraphQLError) return [document];
    const faults = validate(schema, document, allRules);
    if (faults.length > 0) return faults.map((fault) => withCode(fault, 'GRAPHQL_VALIDATION_FAILED'));
    const operation = getOperationAST(document, operationName);
    if (!operation) return [refusal('The document does not tell which operation is meant.')];
    if (operation.operation !== 'subscription') {
      return [refusal('Only subscriptions are served over WebSocket; send the rest by POST.')];
    }
    return { schema, document, operationName: operationName ?? null, variableValues: variables ?? {} };
  };
}

function tryParse(query: string) {
  try {
    return parse(query, { maxTokens });
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
