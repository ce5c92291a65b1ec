import type { FaultDetail } from '../../errors.js';
import { findUploadSlot, pathFaults, type UploadSlot } from './find-upload-slot.js';
import { invalidMultipart, multipartFault, shortName, tooManyFiles } from './multipart-fault.js';
import { type MultipartLimits, maxPartNameLength } from './multipart-limits.js';
import { parseJsonObject } from './parse-json-object.js';
import type { GraphqlBody } from './parse-operations.js';

/** For each file part, by name, the slots its upload goes into. */
export type UploadSlots = ReadonlyMap<string, readonly UploadSlot[]>;

/**
 * Reads the field `map`, `{ <part name>: [<path>, …], … }`, against the operations it belongs to.
 * Throws TOO_MANY_FILES, or INVALID_MULTIPART with every fault in it.
 */
export function parseMap(
  text: string,
  body: GraphqlBody,
  limits: Pick<MultipartLimits, 'maxFiles' | 'maxMapPaths'>,
): UploadSlots {
  const entries = Object.entries(parseJsonObject('map', text));
  if (entries.length > limits.maxFiles) throw tooManyFiles(limits.maxFiles);
  const pathLists = readPathLists(entries);
  checkPathCount(pathLists, limits.maxMapPaths);
  return findSlots(pathLists, body);
}

type PathLists = ReadonlyMap<string, readonly string[]>;

function readPathLists(entries: [string, unknown][]): PathLists {
  const faults: FaultDetail[] = [];
  const lists = new Map<string, readonly string[]>();
  for (const [name, paths] of entries) {
    const fault = partNameFault(name);
    const loc = ['map', shortName(name)];
    if (fault !== null) faults.push({ loc, msg: fault, type: 'name_invalid' });
    else if (isPathList(paths)) lists.set(name, paths);
    else faults.push({ loc, msg: 'It must be an array of at least one path.', type: 'paths_expected' });
  }
  if (faults.length > 0) throw invalidMultipart(faults);
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

function findSlots(lists: PathLists, body: GraphqlBody): UploadSlots {
  const faults: FaultDetail[] = [];
  const seen = new Set<string>();
  const slots = new Map<string, UploadSlot[]>();
  for (const [name, paths] of lists) {
    const found: UploadSlot[] = [];
    slots.set(name, found);
    for (const [index, path] of paths.entries()) {
      const slot = seen.has(path) ? 'path_duplicate' : findUploadSlot(body, path);
      seen.add(path);
      if (typeof slot === 'string')
        faults.push({ loc: ['map', name, index], msg: pathFaults[slot], type: slot });
      else found.push(slot);
    }
  }
  if (faults.length > 0) throw invalidMultipart(faults);
  return slots;
}
