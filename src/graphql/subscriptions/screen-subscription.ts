import { type ExecutionArgs, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { AttachmentError, fault } from '../../errors.js';
import { checkVariables } from '../check-variables.js';
import {
  type Screen,
  type ScreenedOperation,
  validationOptions,
  validationRules,
} from '../screen-operation.js';

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
