import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppParts } from '../../src/app.js';
import type { Answer, AnswerError, Client } from '../support/client.js';
import { startService, type TestService } from '../support/service.js';
import { makeTemporaryDirectory } from '../support/temporary-directory.js';
import type { DocPage } from './doc-page.js';

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

/** Why a request was refused; undefined where it was not. */
export function refusalOf<Data>({ errors }: Answer<Data>): AnswerError['extensions'] | undefined {
  return errors?.[0]?.extensions;
}

export function codeOf<Data>(answer: Answer<Data>): string | undefined {
  return refusalOf(answer)?.code;
}

/** What is stored behind an attachment's URL. Throws where it is not given out. */
export async function bytesOf(client: Client, url: string): Promise<Buffer> {
  const response = await client.download(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}.`);
  return Buffer.from(await response.arrayBuffer());
}
