import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';

export interface RemoteResult {
  status: number | null;
  stdout: string;
  stderr: string;
  lines: string[];
}

interface RemoteOptions {
  folder: string;
  env: Record<string, string>;
  input?: string;
  /** Kills it. */
  signal?: AbortSignal;
}

/** Runs `claimcheck` with these words in a folder, with no more of an environment than what is given. */
export async function runRemote(
  words: string[],
  { folder, env, input = '', signal }: RemoteOptions,
): Promise<RemoteResult> {
  const child = spawn(process.execPath, [resolve('dist/claimcheck.cjs'), ...words], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
  });
  signal?.addEventListener('abort', () => child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr, lines: stdout.split('\n').filter((line) => line !== '') };
}
