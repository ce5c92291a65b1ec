import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppParts } from '../../../src/app.js';
import type { Answer, AnswerError, Client } from '../../support/client.js';
import type { DocPage } from '../../support/doc-page.js';
import { startService, type TestService } from '../../support/service.js';
import { storedFiles } from '../../support/stored-files.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

/** The service with the policies file that the page shows. */
export async function startAsOn(
  { policies }: Pick<DocPage, 'policies'>,
  env: Record<string, string> = {},
  parts: AppParts = {},
): Promise<TestService> {
  if (policies === null) return startService(env, parts);
  const directory = await makeTemporaryDirectory();
  const path = join(directory, 'policies.json');
  try {
    await writeFile(path, policies);
    return await startService({ POLICIES_FILE: path, ...env }, parts);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The data of an operation that must succeed. */
export function dataOf<Data>({ data, errors }: Answer<Data>): Data {
  if (errors || !data) throw new Error(`The operation failed: ${JSON.stringify(errors)}`);
  return data;
}

/** Why a request was refused; undefined where it was not. */
export function refusalOf<Data>({ errors }: Answer<Data>): AnswerError['extensions'] | undefined {
  return errors?.[0]?.extensions;
}

export function codeOf<Data>(answer: Answer<Data>): string | undefined {
  return refusalOf(answer)?.code;
}

/** The bytes behind an attachment's URL. Throws if they are not given out. */
export async function bytesOf(client: Client, url: string): Promise<Buffer> {
  const response = await client.download(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}.`);
  return Buffer.from(await response.arrayBuffer());
}

/** Waits until that many files are stored, 20 seconds at most; resolves with those that then are. */
export async function untilStored(dataDirectory: string, count: number): Promise<string[]> {
  for (const deadline = Date.now() + 20_000; ; await sleep(20)) {
    const files = await storedFiles(dataDirectory);
    if (files.length === count || Date.now() > deadline) return files;
  }
}
