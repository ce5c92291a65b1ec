import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { storedKeys, testLocation } from './test-storage.js';

/** Everything that lies in the storage of a service's data directory, unfinished files included: sorted paths below it. */
export async function storedFiles(dataDirectory: string): Promise<string[]> {
  const location = testLocation(dataDirectory);
  if (location !== null) return storedKeys(location);
  const root = join(dataDirectory, 'files');
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}
