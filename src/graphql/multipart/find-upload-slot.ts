import { maxPathSegments } from './multipart-limits.js';
import { isContainer, type JsonObject } from './parse-json-object.js';
import type { GraphqlBody } from './parse-operations.js';

/** A place among the variables that awaits an upload. */
export interface UploadSlot {
  /** An object, or an array with an index for a key. */
  holder: JsonObject;
  key: string;
}

/** What can be wrong with a path of the map. */
export const pathFaults = {
  path_prefix: 'The path must start with "variables." and name a variable.',
  path_too_long: `The path has more than ${maxPathSegments} segments.`,
  path_forbidden: 'The path has an empty segment or a name that is never a variable.',
  path_not_found: 'The path leads to nothing in the variables.',
  path_not_null: 'The path must end at a null.',
  path_duplicate: 'Another entry of the map has this path already.',
} as const;

export type PathFault = keyof typeof pathFaults;

const forbiddenSegments: ReadonlySet<string> = new Set(['', '__proto__', 'prototype', 'constructor']);
const arrayIndex = /^(?:0|[1-9]\d{0,8})$/;

/**
 * Walks a map path such as `variables.input.files.0` through own members only: a path that reached an inherited one
 * could put an upload into a built-in object.
 */
export function findUploadSlot(body: GraphqlBody, path: string): UploadSlot | PathFault {
  const [root, ...keys] = path.split('.', maxPathSegments + 1);
  if (root !== 'variables' || keys.length === 0) return 'path_prefix';
  if (keys.length === maxPathSegments) return 'path_too_long';
  if (keys.some((key) => forbiddenSegments.has(key))) return 'path_forbidden';

  let value: unknown = body.variables;
  let slot: UploadSlot | undefined;
  for (const key of keys) {
    if (!isContainer(value) || !hasMember(value, key)) return 'path_not_found';
    slot = { holder: value, key };
    value = value[key];
  }
  return slot === undefined || value !== null ? 'path_not_null' : slot;
}

function hasMember(container: JsonObject, key: string): boolean {
  if (Array.isArray(container) && !arrayIndex.test(key)) return false;
  return Object.hasOwn(container, key);
}
