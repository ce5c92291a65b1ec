import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** All bytes of all files below a directory, as one text. */
export async function storedTexts(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((path) => readFile(path, 'latin1')))).join('\n');
}
