import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { assertNoKeys } from './assert-no-keys.js';
import { Client } from './client.js';
import { randomKey, unlimited } from './service.js';
import { databaseEnvironment } from './test-database.js';
import { storageSettings } from './test-storage.js';

const main = 'dist/claimcheck.cjs';

export interface SpawnedService {
  url: string;
  client: Client;
  process: ChildProcess;
  /** Everything it has written so far. */
  output(): { stdout: string; stderr: string };
  /** Sends the signal and resolves with the exit status or signal. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
}

/** `claimcheck work` as a process of its own; resolves once it has begun. */
export async function spawnWorker(env: Record<string, string>): Promise<ChildProcess> {
  const stores = await storeEnvironment(env['DATA_DIR'] ?? '');
  const child = spawn(process.execPath, [main, 'work'], {
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'silent', ...stores, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(createInterface(child.stdout), 'line');
  return child;
}

/** The service as its own process, on a free port unless `env` says otherwise; resolves once it listens. */
export async function spawnService(
  env: Record<string, string>,
  options: string[] = [],
): Promise<SpawnedService> {
  const key = env['BOOTSTRAP_API_KEY'] ?? randomKey();
  const stores = await storeEnvironment(env['DATA_DIR'] ?? '');
  const child = spawn(process.execPath, [main, 'serve', ...options], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      LOG_LEVEL: 'warn',
      BOOTSTRAP_API_KEY: key,
      ...stores,
      ...unlimited,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    written.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    written.stderr += chunk.toString();
  });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => Promise.reject(new Error(`The service ended at once: ${written.stderr}`))),
  ])) as [string];
  const url = /http:\/\/\S+/.exec(line)?.[0];
  if (!url) {
    child.kill('SIGKILL');
    throw new Error(`No address in: ${line}`);
  }
  return {
    url,
    client: new Client(url, key),
    process: child,
    output: () => ({ ...written }),
    end: async (signal) => {
      child.kill(signal);
      const [code, endedBy] = (await exited) as [number | null, string | null];
      assertNoKeys(written.stderr);
      return code ?? endedBy;
    },
  };
}

async function storeEnvironment(dataDirectory: string): Promise<Record<string, string>> {
  return { ...(await databaseEnvironment(dataDirectory)), ...storageSettings(dataDirectory) };
}
