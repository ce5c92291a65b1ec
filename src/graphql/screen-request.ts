import type { Screen } from './screen-operation.js';

/**
 * Screens what a request asks for: the members of its body, or the parameters of its URL, where `variables` is JSON. What is
 * no operation at all is left to the server to refuse.
 */
export function screenRequest(screen: Screen, parameters: unknown): void {
  if (!isObject(parameters)) return;
  const { query, operationName, variables } = parameters;
  if (typeof query !== 'string') return;
  const name = typeof operationName === 'string' ? operationName : undefined;
  const given = typeof variables === 'string' ? parseQuietly(variables) : variables;
  screen({ query, operationName: name, variables: isObject(given) ? given : undefined });
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
