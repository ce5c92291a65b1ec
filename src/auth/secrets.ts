import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const randomSecret = () => randomBytes(32).toString('base64url');

/** The secret kept under this name in the data directory, readable by its owner only; made by `make` the first time. */
export async function keepSecret(dataDirectory: string, name: string, make = randomSecret): Promise<string> {
  const path = join(dataDirectory, name);
  const kept = await readFile(path, 'utf8').catch(() => null);
  if (kept) return kept.trim();
  await mkdir(dataDirectory, { recursive: true });
  await createWhole(path, make());
  return (await readFile(path, 'utf8')).trim();
}

/** A crash leaves no half of it, and of two processes starting together one makes it and both use it. */
async function createWhole(path: string, secret: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(temporary, { force: true });
}
