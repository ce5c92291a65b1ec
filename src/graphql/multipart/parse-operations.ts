import { Upload } from 'graphql-upload-minimal';
import { errorTable, Faults } from '../../errors.js';
import { assertExactNumbers, findExcess, maxDepth, tooManyValues } from '../json-limits.js';
import {
  type MultipartLimits,
  maxPartNameLength,
  maxPathSegments,
  multipartFault,
  shortName,
  tooManyFiles,
} from './multipart-syntax.js';

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
function isContainer(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

function isJsonObject(value: unknown): value is JsonObject {
  return isContainer(value) && !Array.isArray(value);
}

/** The JSON object that the form field `field` holds, or INVALID_MULTIPART. */
function parseJsonObject(field: 'operations' | 'map', text: string): JsonObject {
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

/** For each file part, by name, the places its upload goes into. */
export type UploadPlaces = ReadonlyMap<string, readonly UploadPlace[]>;

/**
 * Reads the field `map`, `{ <part name>: [<path>, …], … }`, against the operations it belongs to.
 * Throws TOO_MANY_FILES, or INVALID_MULTIPART with every fault in it.
 */
export function parseMap(
  text: string,
  body: GraphqlBody,
  limits: Pick<MultipartLimits, 'maxFiles' | 'maxMapPaths'>,
): UploadPlaces {
  const entries = Object.entries(parseJsonObject('map', text));
  if (entries.length > limits.maxFiles) throw tooManyFiles(limits.maxFiles);
  const pathLists = readPathLists(entries);
  checkPathCount(pathLists, limits.maxMapPaths);
  return findPlaces(pathLists, body);
}

type PathLists = ReadonlyMap<string, readonly string[]>;

function readPathLists(entries: [string, unknown][]): PathLists {
  const faults = new Faults();
  const lists = new Map<string, readonly string[]>();
  for (const [name, paths] of entries) {
    const fault = partNameFault(name);
    const loc = ['map', shortName(name)];
    if (fault !== null) faults.add('name_invalid', loc, fault);
    else if (isPathList(paths)) lists.set(name, paths);
    else faults.add('paths_expected', loc, 'It must be an array of at least one path.');
  }
  faults.throwIfAny(errorTable.INVALID_MULTIPART.message);
  return lists;
}

function partNameFault(name: string): string | null {
  if (name === '') return 'The name of a part cannot be empty.';
  if (name.length > maxPartNameLength) return `The name has more than ${maxPartNameLength} characters.`;
  return name === 'operations' || name === 'map' ? 'The name is that of another field.' : null;
}

function isPathList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((path) => typeof path === 'string');
}

function checkPathCount(lists: PathLists, maxMapPaths: number): void {
  const count = [...lists.values()].reduce((sum, paths) => sum + paths.length, 0);
  if (count > maxMapPaths)
    throw multipartFault(
      ['map'],
      'too_many_paths',
      `The map has more than ${maxMapPaths} paths.`,
      maxMapPaths,
    );
}

function findPlaces(lists: PathLists, body: GraphqlBody): UploadPlaces {
  const faults = new Faults();
  const seen = new Set<string>();
  const places = new Map<string, UploadPlace[]>();
  for (const [name, paths] of lists) {
    const found: UploadPlace[] = [];
    places.set(name, found);
    for (const [index, path] of paths.entries()) {
      const place = seen.has(path) ? 'path_duplicate' : findUploadPlace(body, path);
      seen.add(path);
      if (typeof place === 'string') faults.add(place, ['map', name, index], pathFaults[place]);
      else found.push(place);
    }
  }
  faults.throwIfAny(errorTable.INVALID_MULTIPART.message);
  return places;
}

/** Puts an Upload whose value is `taken` into every place of the part it came in. A part in two places is one Upload. */
export function placeUploads(places: UploadPlaces, taken: ReadonlyMap<string, unknown>): void {
  for (const [name, value] of taken) {
    const upload = Object.assign(new Upload(), { promise: Promise.resolve(value), file: value });
    for (const { holder, key } of places.get(name) ?? []) holder[key] = upload;
  }
}

/** A place among the variables that awaits an upload. */
export interface UploadPlace {
  /** An object, or an array with an index for a key. */
  holder: JsonObject;
  key: string;
}

/** Faults of a path in the map. */
const pathFaults = {
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
export function findUploadPlace(body: GraphqlBody, path: string): UploadPlace | PathFault {
  const [root, ...keys] = path.split('.', maxPathSegments + 1);
  if (root !== 'variables' || keys.length === 0) return 'path_prefix';
  if (keys.length === maxPathSegments) return 'path_too_long';
  if (keys.some((key) => forbiddenSegments.has(key))) return 'path_forbidden';

  let value: unknown = body.variables;
  let place: UploadPlace | undefined;
  for (const key of keys) {
    if (!isContainer(value) || !hasMember(value, key)) return 'path_not_found';
    place = { holder: value, key };
    value = value[key];
  }
  return place === undefined || value !== null ? 'path_not_null' : place;
}

function hasMember(container: JsonObject, key: string): boolean {
  if (Array.isArray(container) && !arrayIndex.test(key)) return false;
  return Object.hasOwn(container, key);
}
