import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { toDatabaseFault } from '../database/database-fault.js';
import { AttachmentError, errorExtensions, errorTable, type FaultDetail } from '../errors.js';

/** Apollo's and graphql-js's own codes for requests that cannot be executed as they stand. */
const requestFaults = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
]);

/** Whether the fault is the client's, so that its message may be shown. graphql-js points at the document only for those. */
function isRequestFault(error: unknown, code: unknown): boolean {
  if (typeof code === 'string' && requestFaults.has(code)) return true;
  return error instanceof GraphQLError && error.nodes !== undefined && error.nodes.length > 0;
}

/** The error where it is nobody's fault but ours, to be logged; null otherwise. */
export function internalCause(error: GraphQLError): unknown {
  const original = toDatabaseFault(unwrapResolverError(error));
  const masked = original instanceof AttachmentError ? original.cause : original;
  const internal =
    original instanceof AttachmentError
      ? original.status >= 500
      : !isRequestFault(original, error.extensions['code']);
  return internal ? (masked ?? original) : null;
}

const suggestion = / ?Did you mean [^?]*\?$/;

/** The same without suggestions, which tell of a schema that is kept back. */
export function formatWithoutSuggestions(
  formatted: GraphQLFormattedError,
  error: unknown,
): GraphQLFormattedError {
  return formatError({ ...formatted, message: formatted.message.replace(suggestion, '') }, error);
}

/** What leaves of an error: one of our codes with its details, and nothing of the inside. */
export function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  const original = toDatabaseFault(unwrapResolverError(error));
  if (original instanceof AttachmentError) {
    return { ...formatted, message: original.message, extensions: errorExtensions(original) };
  }
  if (isRequestFault(original, formatted.extensions?.['code'])) {
    return { ...formatted, extensions: { code: 'BAD_USER_INPUT', details: [requestDetail(formatted)] } };
  }
  const { path, locations } = formatted;
  return {
    message: errorTable.INTERNAL_SERVER_ERROR.message,
    ...(path ? { path } : {}),
    ...(locations ? { locations } : {}),
    extensions: { code: 'INTERNAL_SERVER_ERROR', details: [] },
  };
}

function requestDetail({ message, locations, extensions }: GraphQLFormattedError): FaultDetail {
  const at = locations?.[0];
  const code = String(extensions?.['code']);
  return {
    loc: at ? ['query', at.line, at.column] : ['query'],
    msg: message,
    type: requestFaults.has(code) ? code.toLowerCase() : 'bad_user_input',
  };
}
