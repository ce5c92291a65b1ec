import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type AppParts, createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { recountUsage } from '../../src/quotas/usage.js';
import { assertNoKeys } from './assert-no-keys.js';
import { Client } from './client.js';
import { makeTemporaryDirectory } from './temporary-directory.js';
import { databaseEnvironment, queryTestDatabase } from './test-database.js';
import { storageSettings } from './test-storage.js';

export interface TestService extends AsyncDisposable {
  url: string;
  key: string;
  dataDirectory: string;
  /** Acts with the first key, which has all permissions. */
  client: Client;
  logLines: string[];
  close(): Promise<void>;
}

export const randomKey = () => `cck_${randomBytes(24).toString('base64url')}`;

/** A test's clients are as fast as they can be, and some are bad on purpose. Tests of the limits set their own. */
export const unlimited = {
  RATE_LIMIT_PER_MINUTE: '0',
  FAILED_LOGINS_PER_MINUTE: '0',
  MAX_CONCURRENT_UPLOADS: '0',
};

/** Every file is an object in the storage, however small. */
export const allStored = { INLINE_MAX_BYTES: '0' };

/** The whole service in this process, on a free port, with a data directory of its own that goes with it. */
export async function startService(
  env: Record<string, string> = {},
  parts: AppParts = {},
): Promise<TestService> {
  const dataDirectory = env['DATA_DIR'] ?? (await makeTemporaryDirectory());
  const key = env['BOOTSTRAP_API_KEY'] ?? randomKey();
  const logLines: string[] = [];
  const app = await createApp(
    loadConfig({
      PORT: '0',
      DATA_DIR: dataDirectory,
      BOOTSTRAP_API_KEY: key,
      ...unlimited,
      ...(await databaseEnvironment(dataDirectory)),
      ...storageSettings(dataDirectory),
      ...env,
    }),
    { logStream: { write: (line) => logLines.push(line) }, ...parts },
  );
  const { publicUrl: url } = await app.listen();
  await app.work();
  const close = async () => {
    await app.close();
    assertNoKeys(logLines.join(''));
    await assertUsageCounted(dataDirectory);
    if (!env['DATA_DIR']) await rm(dataDirectory, { recursive: true, force: true });
  };
  return {
    url,
    key,
    dataDirectory,
    client: new Client(url, key),
    logLines,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Whatever a test has done, counters of usage agree with the rows. A test may have taken the database away. */
async function assertUsageCounted(dataDirectory: string): Promise<void> {
  const query = <Rows>(sql: string) => queryTestDatabase<object>(dataDirectory, sql) as Promise<Rows>;
  const wrong = (await recountUsage({ query }).catch(() => [])).filter(
    ({ counted, actual }) => !isDeepStrictEqual(counted, actual),
  );
  if (wrong.length > 0) throw new Error(`Usage is counted wrong: ${JSON.stringify(wrong)}`);
}
