import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { queryTestDatabase } from './test-database.js';
import { storedKeys, testLocation } from './test-storage.js';

export const inlinedKeys = 'SELECT document_key AS key FROM blobs JOIN blob_bodies ON blob_id = id';

/** Everything that a service with this data directory keeps, unfinished files and inlined bytes included: sorted document keys. */
export async function storedFiles(dataDirectory: string): Promise<string[]> {
  const inlined = await queryTestDatabase<{ key: string }>(dataDirectory, inlinedKeys);
  return [...(await storedObjects(dataDirectory)), ...inlined.map(({ key }) => key)].sort();
}

/** The same without inlined bytes. */
export async function storedObjects(dataDirectory: string): Promise<string[]> {
  const location = testLocation(dataDirectory);
  if (location !== null) return storedKeys(location);
  const root = join(dataDirectory, 'files');
  return (await entriesOf(root))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** A folder that is removed meanwhile would end the walk, so it begins anew. */
async function entriesOf(root: string): Promise<Dirent[]> {
  try {
    return await readdir(root, { recursive: true, withFileTypes: true });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw error;
    return path === root ? [] : entriesOf(root);
  }
}
