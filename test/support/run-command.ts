import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { databaseEnvironment, databaseSettings } from './test-database.js';
import { storageSettings } from './test-storage.js';

export interface CommandResult {
  /** The exit status, or the signal that ended it. */
  status: number | string | null;
  stdout: string;
  stderr: string;
  lines: string[];
}

export interface RunningCommand {
  process: ChildProcess;
  result: Promise<CommandResult>;
}

/** Starts `claimcheck` with these words, on the database of a service with the same data directory. */
export function startCommand(words: string[], env: Record<string, string>): RunningCommand {
  const dataDirectory = env['DATA_DIR'] ?? '';
  const child = spawn(process.execPath, ['dist/claimcheck.cjs', ...words], {
    env: {
      PATH: process.env['PATH'],
      ...databaseSettings(dataDirectory),
      ...storageSettings(dataDirectory),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      written[name] += chunk.toString();
    });
  }
  const result = once(child, 'close').then((ended): CommandResult => {
    const [code, signal] = ended as [number | null, string | null];
    const lines = written.stdout.split('\n').filter((line) => line !== '');
    return { status: code ?? signal, ...written, lines };
  });
  return { process: child, result };
}

/** Runs `claimcheck` with these words to its end. */
export async function runCommand(words: string[], env: Record<string, string>): Promise<CommandResult> {
  await databaseEnvironment(env['DATA_DIR'] ?? '');
  return startCommand(words, env).result;
}
