import { createHash } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { glob } from 'tinyglobby';
import type { Attachment, Claimcheck } from '../../client/claimcheck.js';
import { ClaimcheckError } from '../../client/client-error.js';
import type { ResumeStore } from '../../client/platform.js';
import type { RecordInput } from '../../client/schema-types.js';
import { makeFolder } from '../../config/folders.js';
import { createProgressBar, onOneLine, type ProgressBar } from '../output.js';
import {
  type ExitStatus,
  exitStatus,
  openSession,
  type SessionOptions,
  tellFault,
  UsageError,
} from './session.js';

export interface UploadCommandOptions extends SessionOptions {
  record?: RecordInput;
  field?: string;
  name?: string;
  description?: string;
  parallel: number;
}

interface FileToUpload {
  path: string;
  size: number;
}

const standardInput = '-';

/** Nothing that follows would fare better. */
const hopeless = new Set(['UNREACHABLE', 'UNEXPECTED_ANSWER', 'UNAUTHENTICATED', 'FORBIDDEN']);

/** Uploads all that the words name, several at a time, and prints a line for each. All words are checked before the first goes up. */
export async function uploadFiles(words: string[], options: UploadCommandOptions): Promise<ExitStatus> {
  if (options.field !== undefined && !options.record) throw new UsageError('--field needs --record.');
  const isInput = words.includes(standardInput);
  if (isInput && (words.length > 1 || !options.name)) {
    throw new UsageError('The standard input comes alone, and needs --name.');
  }
  const found = isInput ? [] : await findFiles(words);
  if (options.name !== undefined && found.length > 1) throw new UsageError('--name is for one file.');
  // Before the standard input is read to its end.
  await (await openSession(options, { retries: 1 })).viewer();
  const claimcheck = await openSession(options, { retries: 8, store: createUploadStore() });
  if (!isInput) return uploadAll(claimcheck, found, options);
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'input');
    await pipeline(process.stdin, createWriteStream(path));
    return uploadAll(claimcheck, [{ path, size: (await stat(path)).size }], options);
  });
}

/** Not SIGHUP, which `nohup` has ignored. */
const endingSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];

/** Does work in a folder that is gone afterwards, also if a signal or a closed output ends the process before. */
async function inTemporaryFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'claimcheck-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const end = (signal: NodeJS.Signals) => {
    remove();
    process.kill(process.pid, signal);
  };
  process.once('exit', remove);
  for (const signal of endingSignals) process.once(signal, end);
  try {
    return await work(folder);
  } finally {
    for (const signal of endingSignals) process.off(signal, end);
    process.off('exit', remove);
    remove();
  }
}

/** The files that the words name: themselves, what is in folders, what fits patterns. Each once. */
async function findFiles(words: readonly string[]): Promise<FileToUpload[]> {
  const files = new Map<string, FileToUpload>();
  for (const word of words) {
    const facts = await stat(word).catch(() => null);
    if (facts && !facts.isFile() && !facts.isDirectory()) throw new UsageError(`${word} is no file.`);
    const paths = facts?.isFile() ? [word] : await (facts ? filesIn(word) : filesLike(word));
    for (const path of paths) files.set(path, { path, size: (await stat(path)).size });
  }
  return [...files.values()];
}

const onlyFiles = { onlyFiles: true, followSymbolicLinks: false, expandDirectories: false };

/** All files in a folder, in order. Throws UsageError if there are none. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await glob('**', { ...onlyFiles, cwd: folder, dot: true });
  if (names.length === 0) throw new UsageError(`There are no files in ${folder}.`);
  return names.toSorted().map((name) => join(folder, name));
}

/** All files that a pattern fits, in order. Throws UsageError if there are none, or the word is no pattern. */
async function filesLike(word: string): Promise<string[]> {
  const isPattern = /[*?[\]{}]/.test(word);
  const paths = isPattern ? await glob(word, onlyFiles) : [];
  if (paths.length === 0) throw new UsageError(`${word}: there is no such file.`);
  return paths.toSorted();
}

async function uploadAll(
  claimcheck: Claimcheck,
  files: readonly FileToUpload[],
  options: UploadCommandOptions,
): Promise<ExitStatus> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const bar = await createProgressBar(async () => total);
  const queue = [...files];
  let status: ExitStatus = exitStatus.done;
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      try {
        await uploadOne(claimcheck, file, options, bar);
      } catch (error) {
        status = Math.max(status, tellFault(error, options.name ?? file.path)) as ExitStatus;
        if (error instanceof ClaimcheckError && hopeless.has(error.code)) queue.length = 0;
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: options.parallel }, work));
  } finally {
    bar.end();
  }
  return status;
}

async function uploadOne(
  claimcheck: Claimcheck,
  { path }: FileToUpload,
  { record, field, name, description, json }: UploadCommandOptions,
  bar: ProgressBar,
): Promise<void> {
  let last = 0;
  const onProgress = ({ sent }: { sent: number }) => {
    bar.advance(sent - last);
    last = sent;
  };
  const attachment = await claimcheck.upload(path, {
    record,
    field,
    fileName: name,
    description,
    onProgress,
  });
  bar.print(json ? JSON.stringify({ ...attachment, path }) : onOneLine(describe(attachment)));
}

const describe = ({ id, fileName }: Attachment) => `${id} ${fileName}`;

/**
 * Uploads under way, in the user's own folder for what may be lost. A URL in it is good for its bytes, so nobody else may read it. Without
 * such a folder nothing is remembered.
 */
function createUploadStore(): ResumeStore {
  const { XDG_CACHE_HOME } = process.env;
  const folder = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'claimcheck/uploads');
  const pathOf = (key: string) => join(folder, createHash('sha256').update(key).digest('hex'));
  return {
    get: (key) => readFile(pathOf(key), 'utf8').catch(() => null),
    set: async (key, value) => {
      try {
        await makeFolder(folder);
        await writeFile(pathOf(key), value, { mode: 0o600 });
      } catch {
        // The upload goes on, and another run would begin it again.
      }
    },
    remove: (key) => rm(pathOf(key), { force: true }).catch(() => undefined),
  };
}
