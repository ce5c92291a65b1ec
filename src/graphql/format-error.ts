import { unwrapResolverError } from '@apollo/server/errors';
import {
  coerceInputValue,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql';
import { toDatabaseFault } from '../database/database-faults.js';
import {
  AttachmentError,
  cutText,
  errorExtensions,
  errorTable,
  type FaultDetail,
  Faults,
  type FaultTypeOf,
  fault,
  isLogged,
} from '../errors.js';

/** Apollo's and graphql-js's own codes for requests that cannot be executed as they stand. */
const requestFaults: ReadonlyMap<unknown, FaultTypeOf<'BAD_USER_INPUT'>> = new Map([
  ['GRAPHQL_PARSE_FAILED', 'graphql_parse_failed'],
  ['GRAPHQL_VALIDATION_FAILED', 'graphql_validation_failed'],
  ['PERSISTED_QUERY_NOT_FOUND', 'persisted_query_not_found'],
  ['PERSISTED_QUERY_NOT_SUPPORTED', 'persisted_query_not_supported'],
  ['OPERATION_RESOLUTION_FAILURE', 'operation_resolution_failure'],
  ['BAD_USER_INPUT', 'bad_user_input'],
  ['BAD_REQUEST', 'bad_request'],
]);

/** Characters of a message: graphql-js repeats in it what the client has sent. */
const maxMessage = 1_000;

/** graphql-js ends its list of faults of variables with this. */
const endOfList = /^Too many errors processing variables/;
const maxVariableFaults = 50;

/** Whether the fault is the client's, so that its message may be shown. */
function isRequestFault(error: unknown, outer: unknown, code: unknown): boolean {
  if (requestFaults.has(code)) return true;
  if (!(error instanceof GraphQLError)) return false;
  // graphql-js points at the document for a fault of the request, or stops before it asks any resolver.
  return (error.nodes !== undefined && error.nodes.length > 0) || isOfWholeRequest(outer);
}

/** A resolver's error has a path, and one of the server's own comes with what was thrown. */
function isOfWholeRequest(error: unknown): boolean {
  return error instanceof GraphQLError && error.path === undefined && error.originalError === undefined;
}

/** The error that was thrown for it. One of ours comes without a path if no field is at fault. */
function thrownFor(error: unknown): unknown {
  const isOurs = error instanceof GraphQLError && error.originalError instanceof AttachmentError;
  return toDatabaseFault(isOurs ? error.originalError : unwrapResolverError(error));
}

/** The error where it is nobody's fault but ours, to be logged; null otherwise. */
export function internalCause(error: GraphQLError): unknown {
  const original = thrownFor(error);
  const masked = original instanceof AttachmentError ? original.cause : original;
  const internal =
    original instanceof AttachmentError
      ? isLogged(original)
      : !isRequestFault(original, error, error.extensions['code']);
  return internal ? (masked ?? original) : null;
}

const suggestion = / ?Did you mean [^?]*\?$/;

/** The same without suggestions, which tell of a schema that is kept back. */
export function formatWithoutSuggestions(
  formatted: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  // A suggestion comes last, so a message that is cut has none; and the search of a long one would take long.
  return formatError(
    { ...formatted, message: cutText(formatted.message, maxMessage).replace(suggestion, '') },
    error,
  );
}

/** The error as clients see it: one of our codes with its details, and nothing of the inside. */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const original = thrownFor(error);
  if (original instanceof AttachmentError) {
    return { ...formatted, message: original.message, extensions: errorExtensions(original) };
  }
  if (isRequestFault(original, error, formatted.extensions?.['code'])) return requestFault(formatted);
  const { path, locations } = formatted;
  return {
    message: errorTable.INTERNAL_SERVER_ERROR.message,
    ...(path ? { path } : {}),
    ...(locations ? { locations } : {}),
    extensions: { code: 'INTERNAL_SERVER_ERROR', details: [] },
  };
}

function requestFault(formatted: GraphQLFormattedError): GraphQLFormattedError {
  if (endOfList.test(formatted.message)) {
    const msg = `The variables have more faults; the first ${maxVariableFaults} are listed.`;
    const options = { message: msg, limit: maxVariableFaults };
    return {
      message: msg,
      extensions: errorExtensions(fault('too_many_faults', ['variables'], msg, options)),
    };
  }
  const message = cutText(formatted.message, maxMessage);
  const details = [requestDetail({ ...formatted, message })];
  return { ...formatted, message, extensions: { code: 'BAD_USER_INPUT', details } };
}

function requestDetail({ message, locations, extensions }: GraphQLFormattedError): FaultDetail {
  const at = locations?.[0];
  return {
    loc: at ? ['query', at.line, at.column] : ['query'],
    msg: message,
    type: requestFaults.get(extensions?.['code']) ?? 'bad_user_input',
  };
}

/** Characters of JSON: graphql-js itself tells the faults of fewer, each with the whole value that it is in. */
const fewCharacters = 10_000;

const maxFaults = 50;
const longestMessage = 1_000;

/** Characters of a long text that its fault tells. */
const maxShown = 100;

/** Thrown where more faults have been found than are told. */
const enough = new Error('There are more faults than are told.');

export interface VariablesOptions {
  /** Suggestions tell of the schema. */
  hideSuggestions: boolean;
}

/**
 * Throws BAD_USER_INPUT for long variables that are not of their types. graphql-js would write the value around a fault out
 * again for each fault; here no value is written out.
 */
export function checkVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
  { hideSuggestions }: VariablesOptions,
): void {
  if (JSON.stringify(variables, shorten).length <= fewCharacters) return;
  const faults = new Faults();
  let count = 0;
  const add = (loc: (string | number)[], msg: string) => {
    count += 1;
    if (count > maxFaults) throw enough;
    faults.add('bad_user_input', ['variables', ...loc], cutText(msg, longestMessage));
  };
  try {
    for (const { variable, type: node } of operation.variableDefinitions ?? []) {
      const name = variable.name.value;
      const type = typeFromAST(schema, node as Parameters<typeof typeFromAST>[1]);
      if (!type || !Object.hasOwn(variables, name)) continue;
      coerceInputValue(
        cutTexts(variables[name]),
        type as Parameters<typeof coerceInputValue>[1],
        (path, _value, { message }) => add([name, ...path], message),
        hideSuggestions,
      );
    }
  } catch (error) {
    if (error !== enough) throw error;
    const msg = `The variables have more faults; the first ${maxFaults} are listed.`;
    faults.add('too_many_faults', ['variables'], msg, { limit: maxFaults });
  }
  faults.throwIfAny();
}

/**
 * The value with long texts cut. Only types of texts take a long one, and they do not look at it. The others would write it out,
 * or look for names that are like it.
 */
function cutTexts(value: unknown): unknown {
  if (typeof value === 'string') return value.length > fewCharacters ? cutText(value, maxShown) : value;
  if (Array.isArray(value)) return value.map(cutTexts);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutTexts(member)]));
}

/** A file part stands in the variables as an object of ours. No more of a long text is written out than shows that it is long. */
function shorten(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, fewCharacters + 1);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return isPlainObject(value) ? value : null;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
