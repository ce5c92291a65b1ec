import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { toDatabaseFault } from '../database/database-faults.js';
import {
  AttachmentError,
  cutText,
  errorExtensions,
  errorTable,
  type FaultDetail,
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
export const maxMessage = 1_000;

/** graphql-js ends its list of faults of variables with this. */
const endOfList = /^Too many errors processing variables/;
export const maxVariableFaults = 50;

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

/** The error as `formatError` has it, without suggestions, which tell of a schema that is kept back. */
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
