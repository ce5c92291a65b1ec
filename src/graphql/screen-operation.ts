import { type GraphQLSchema, getOperationAST, parse, validate } from 'graphql';
import { LRUCache } from 'lru-cache';

/** Enough for an application's own operations; a hostile client's must not fill the memory. */
const cacheSize = 500;
const maxCachedLength = 10_000;

/**
 * Tells, before files are taken in for it, whether a document can be executed at all. Where it cannot, the server's own
 * answer says why.
 */
export function createScreen(schema: GraphQLSchema) {
  const known = new LRUCache<string, boolean>({ max: cacheSize });
  return ({ query, operationName }: { query?: string; operationName?: string }): boolean => {
    if (query === undefined) return false;
    const key = JSON.stringify([operationName, query]);
    const executable = known.get(key) ?? isExecutable(schema, query, operationName);
    if (key.length <= maxCachedLength) known.set(key, executable);
    return executable;
  };
}

function isExecutable(schema: GraphQLSchema, query: string, operationName: string | undefined): boolean {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) !== null && validate(schema, document).length === 0;
  } catch {
    return false;
  }
}
