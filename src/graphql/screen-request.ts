import type { GraphQLSchema } from 'graphql';
import { checkVariables, type VariablesOptions } from './check-variables.js';
import { assertExactNumbers } from './exact-numbers.js';
import type { Screen, ScreenedOperation } from './screen-operation.js';

export interface ScreenRequestOptions extends VariablesOptions {
  schema: GraphQLSchema;
  screen: Screen;
}

/**
 * Screens what a request asks for: the members of its body, or the parameters of its URL, where `variables` is JSON. Null for
 * what is no operation at all: the server refuses it. Throws what the screen throws, and BAD_USER_INPUT for numbers in a URL
 * that would be changed, and for long variables that are not of their types.
 */
export function screenRequest(
  { schema, screen, hideSuggestions }: ScreenRequestOptions,
  parameters: unknown,
  isKnown: boolean,
): ScreenedOperation | null {
  if (!isObject(parameters)) return null;
  const { query, operationName, variables } = parameters;
  if (typeof query !== 'string') return null;
  const name = typeof operationName === 'string' ? operationName : undefined;
  const given = typeof variables === 'string' ? parseQuietly(variables) : variables;
  if (typeof variables === 'string' && given !== undefined) assertExactNumbers(variables, []);
  const values = isObject(given) ? given : undefined;
  const screened = screen({ query, operationName: name, variables: values }, isKnown);
  if (screened && values) checkVariables(schema, screened.operation, values, { hideSuggestions });
  return screened;
}

function isObject(value: unknown): value is Record<'query' | 'operationName' | 'variables', unknown> {
  return typeof value === 'object' && value !== null;
}

function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
