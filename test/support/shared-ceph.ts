import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Ceph, startCeph } from './ceph.js';
import type { S3Store } from './s3-store.js';
import { makeTemporaryDirectory } from './temporary-directory.js';

/** The variable that names a file; there the processes of the tests read how to reach the store, once it has come up. */
const pathVariable = 'SHARED_CEPH_FILE';
const startMs = 120_000;

let starting: Promise<Ceph> | undefined;
let directory: string | undefined;

/** Begins to start one Ceph for all test files that want one; the first of them waits for it. */
export default async function startShared(): Promise<void> {
  directory = await makeTemporaryDirectory();
  const path = join(directory, 'store.json');
  process.env[pathVariable] = path;
  starting = startCeph();
  starting.then(
    ({ endpoint, accessKeyId, secretAccessKey }) => write(path, { endpoint, accessKeyId, secretAccessKey }),
    (error: unknown) => write(path, { fault: String(error) }),
  );
}

export async function stopShared(): Promise<void> {
  await (await starting?.catch(() => undefined))?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
}

async function write(path: string, content: object): Promise<void> {
  await writeFile(`${path}.part`, JSON.stringify(content));
  await rename(`${path}.part`, path);
}

/** The Ceph of all test files. */
export async function sharedStore(): Promise<S3Store> {
  const path = process.env[pathVariable] ?? '';
  const deadline = performance.now() + startMs;
  for (;;) {
    const text = await readFile(path, 'utf8').catch(() => null);
    const found = text === null ? null : (JSON.parse(text) as S3Store | { fault: string });
    if (found && 'fault' in found) throw new Error(found.fault);
    if (found) return found;
    if (performance.now() > deadline) throw new Error('The shared Ceph has not come up.');
    await pause(200);
  }
}
