import type { Claimcheck } from '../../client/claimcheck.js';
import { ClaimcheckError } from '../../client/client-error.js';
import { createClaimcheck } from '../../client/node.js';
import type { ResumeStore } from '../../client/platform.js';
import { readSmallFile } from '../../config/files.js';
import { onOneLine } from '../output.js';

/** Exit codes. */
export const exitStatus = { done: 0, refused: 1, wrongUsage: 2, notReachable: 3 } as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** The user has to say something else. */
export class UsageError extends Error {}

/** The options of every command that talks to a service. */
export interface SessionOptions {
  url?: string;
  keyFile?: string;
  json?: boolean;
}

const defaultUrl = 'http://127.0.0.1:4000';

/** A client of the service and with the key that the options or the environment name. */
export async function openSession(
  { url, keyFile }: SessionOptions,
  { retries, store = null }: { retries: number; store?: ResumeStore | null },
): Promise<Claimcheck> {
  const { CLAIMCHECK_URL, CLAIMCHECK_KEY } = process.env;
  const credential = keyFile === undefined ? CLAIMCHECK_KEY : await readKey(keyFile);
  if (!credential?.trim()) throw new UsageError('There is no key: set CLAIMCHECK_KEY, or name a --key-file.');
  const address = url || CLAIMCHECK_URL || defaultUrl;
  try {
    return createClaimcheck({ url: address, credential: credential.trim(), retries, store });
  } catch {
    throw new UsageError(`${address} is no http or https URL.`);
  }
}

async function readKey(path: string): Promise<string> {
  try {
    return await readSmallFile(path);
  } catch (error) {
    throw new UsageError(`--key-file: ${messageOf(error)}`);
  }
}

/** Runs a command to its end. The process exits with the exit code that it returns, if any. */
export async function runRemote(run: () => Promise<unknown>): Promise<void> {
  try {
    const status = await run();
    process.exitCode = typeof status === 'number' ? status : exitStatus.done;
  } catch (error) {
    process.exitCode = tellFault(error);
  }
}

/** Prints a fault to stderr, after the name of what it is about, and returns the exit code that it stands for. */
export function tellFault(error: unknown, subject?: string): ExitStatus {
  const lines = error instanceof ClaimcheckError ? describe(error) : [messageOf(error)];
  const [first = '', ...others] = lines.map(onOneLine);
  const about = subject === undefined ? '' : `${onOneLine(subject)}: `;
  process.stderr.write([`${about}${first}`, ...others.map((line) => `  ${line}`), ''].join('\n'));
  return statusOf(error);
}

/** The code with its sentence, then each fault. */
function describe({ code, message, details, limit }: ClaimcheckError): string[] {
  const faults = details.map(({ loc, msg, type }) => `${loc.join('.')}: ${msg} (${type})`);
  return [`${code}: ${message}`, ...faults, ...(limit === undefined ? [] : [`limit: ${limit}`])];
}

function statusOf(error: unknown): ExitStatus {
  if (error instanceof UsageError) return exitStatus.wrongUsage;
  if (!(error instanceof ClaimcheckError)) return exitStatus.refused;
  return /^UN(REACHABLE|EXPECTED_ANSWER)$/.test(error.code) ? exitStatus.notReachable : exitStatus.refused;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Prints a line for people, or an object for programs. */
export function printer(json: boolean | undefined): (line: string, value: object) => void {
  return (line, value) => process.stdout.write(`${json ? JSON.stringify(value) : onOneLine(line)}\n`);
}
