import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithRun, makeScratchDirectory, removeScratchDirectory } from './scratch.js';

/** A server under load, in a process of its own. */
export interface ServerProcess {
  /** Such as `http://127.0.0.1:40123`. */
  origin: string;
  pid: number;
  /** Ends the process and removes its directory. */
  stop(): Promise<void>;
}

/** The service, with the API key it was started with. */
export interface ServiceProcess extends ServerProcess {
  apiKey: string;
}

export interface ServiceOptions {
  /** Kept when the service stops; default: an empty one that is removed then. */
  dataDirectory?: string;
  /** Default: a new one. A data directory knows only the one it was first started with. */
  apiKey?: string;
  /** Options for node itself. */
  nodeArguments?: string[];
  /** Another program than the service's own command. */
  program?: string[];
  /** Settings besides those of every service under load. */
  environment?: NodeJS.ProcessEnv;
}

const projectDirectory = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const entrance = join(projectDirectory, 'dist', 'claimcheck.cjs');
const startTimeoutMs = 15_000;
const stopTimeoutMs = 15_000;

/** Starts `node dist/claimcheck.cjs serve` on a free port, with all rights for `apiKey` and without a rate limit. */
export async function startService(options: ServiceOptions = {}): Promise<ServiceProcess> {
  const apiKey = options.apiKey ?? createApiKey();
  const dataDirectory = options.dataDirectory ?? makeScratchDirectory('service');
  const program = options.program ?? [entrance, 'serve'];
  const nodeArguments = [...(options.nodeArguments ?? []), ...program];
  const server = await startServer(nodeArguments, {
    ...serviceEnvironment(dataDirectory, apiKey),
    ...options.environment,
  });
  const stop = async () => {
    await server.stop();
    if (options.dataDirectory === undefined) removeScratchDirectory(dataDirectory);
  };
  return { ...server, stop, apiKey };
}

/** A program of the benchmarks themselves. */
export function benchProgram(name: string): string {
  return join(projectDirectory, 'build', 'bench', name);
}

export function createApiKey(): string {
  return `cck_${randomBytes(32).toString('base64url')}`;
}

function serviceEnvironment(dataDirectory: string, apiKey: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: dataDirectory,
    BOOTSTRAP_API_KEY: apiKey,
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '0',
    MAX_CONCURRENT_UPLOADS: '0',
  };
}

/** Starts node with a program that prints its address. */
export async function startServer(nodeArguments: string[], env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const child = spawn(process.execPath, nodeArguments, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  endWithRun(child);
  const origin = await readOrigin(child);
  return { origin, pid: child.pid ?? 0, stop: () => stop(child) };
}

/** The address in the first line on stdout. */
async function readOrigin(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the server has no stdout');
  const lines = createInterface({ input: child.stdout });
  const timeout = AbortSignal.timeout(startTimeoutMs);
  const ended = once(child, 'exit', { signal: timeout }).then(([code]) => {
    throw new Error(`the server ended with ${code} before it named its address`);
  });
  ended.catch(() => undefined);
  const [line] = (await Promise.race([once(lines, 'line', { signal: timeout }), ended])) as [string];
  const address = /https?:\/\/[^\s/]+/.exec(line)?.[0];
  if (address === undefined) throw new Error(`the server's first line names no address: ${line}`);
  return address;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const force = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(force);
}
