import { errorTable, Faults } from '../../errors.js';
import { assertExactNumbers } from '../exact-numbers.js';
import { findExcess, maxDepth, tooManyValues } from '../json-bounds.js';
import { multipartFault } from './multipart-fault.js';

/** One GraphQL request as its client sent it; what was null or absent is left out. */
export interface GraphqlBody {
  query?: string;
  operationName?: string;
  variables?: Record<string, unknown>;
  extensions?: Record<string, unknown>;
}

/** Reads the field `operations`. Members that GraphQL over HTTP does not know are dropped. */
export function parseOperations(text: string): GraphqlBody {
  const members = new Members(parseJsonObject('operations', text));
  const query = members.read('query', isString, 'a string');
  const operationName = members.read('operationName', isString, 'a string');
  const variables = members.read('variables', isJsonObject, 'an object');
  const extensions = members.read('extensions', isJsonObject, 'an object');
  members.faults.throwIfAny(errorTable.INVALID_MULTIPART.message);
  return {
    ...(query === undefined ? {} : { query }),
    ...(operationName === undefined ? {} : { operationName }),
    ...(variables === undefined ? {} : { variables }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

class Members {
  readonly faults = new Faults();
  readonly #operations: JsonObject;

  constructor(operations: JsonObject) {
    this.#operations = operations;
  }

  read<V>(name: string, is: (value: unknown) => value is V, kind: string): V | undefined {
    const value = Object.hasOwn(this.#operations, name) ? this.#operations[name] : undefined;
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    this.faults.add('type_invalid', ['operations', name], `"${name}" must be ${kind}.`);
    return undefined;
  }
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

export type JsonObject = Record<string, unknown>;

/** True for arrays too: whatever has members. */
export function isContainer(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

function isJsonObject(value: unknown): value is JsonObject {
  return isContainer(value) && !Array.isArray(value);
}

/** The JSON object that the form field `field` holds, or INVALID_MULTIPART. */
export function parseJsonObject(field: 'operations' | 'map', text: string): JsonObject {
  const value = parseJson(field, text);
  if (field === 'operations') assertExactNumbers(text);
  if (isJsonObject(value)) return value;
  if (field === 'operations' && Array.isArray(value))
    throw multipartFault([field], 'batch_unsupported', 'Batching of operations is not supported.');
  throw multipartFault([field], 'object_expected', `"${field}" must be a JSON object.`);
}

function parseJson(field: string, text: string): unknown {
  const excess = findExcess(text);
  if (excess === 'levels')
    throw multipartFault([field], 'json_too_deep', `"${field}" is nested deeper than ${maxDepth} levels.`);
  if (excess === 'values') throw tooManyValues([field]);
  return tryParse(field, text);
}

function tryParse(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw multipartFault([field], 'json_invalid', `"${field}" is not valid JSON.`);
  }
}
