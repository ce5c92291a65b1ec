import type { FaultDetail } from '../../errors.js';
import { invalidMultipart } from './multipart-fault.js';
import { isJsonObject, type JsonObject, parseJsonObject } from './parse-json-object.js';

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
  if (members.faults.length > 0) throw invalidMultipart(members.faults);
  return {
    ...(query === undefined ? {} : { query }),
    ...(operationName === undefined ? {} : { operationName }),
    ...(variables === undefined ? {} : { variables }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

class Members {
  readonly faults: FaultDetail[] = [];
  readonly #operations: JsonObject;

  constructor(operations: JsonObject) {
    this.#operations = operations;
  }

  read<V>(name: string, is: (value: unknown) => value is V, kind: string): V | undefined {
    const value = Object.hasOwn(this.#operations, name) ? this.#operations[name] : undefined;
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    this.faults.push({ loc: ['operations', name], msg: `"${name}" must be ${kind}.`, type: 'type_invalid' });
    return undefined;
  }
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
