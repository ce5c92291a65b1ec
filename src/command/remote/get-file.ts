import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Attachment, type Claimcheck, notFound } from '../../client/claimcheck.js';
import { ClaimcheckError, pause, unreachable } from '../../client/client-error.js';
import { chunksOf } from '../../client/platform.js';
import { createProgressBar, type ProgressBar } from '../output.js';
import { openSession, printer, type SessionOptions, UsageError } from './session.js';

export interface GetCommandOptions extends SessionOptions {
  output?: string;
  force?: boolean;
}

/** Breaks in a row, without a byte between them, after which it gives up. */
const maxBreaks = 8;

/** Downloads one file. Neither a broken nor a changed one ever stands under its name. */
export async function getFile(id: string, options: GetCommandOptions): Promise<void> {
  const claimcheck = await openSession(options, { retries: 2 });
  const attachment = await claimcheck.get(id);
  if (!attachment) throw notFound(id);
  if (options.output === '') throw new UsageError('--output names no file.');
  if (options.output === '-') return writeToOutput(claimcheck, attachment);
  const { path, isChosen } = await choosePath(attachment, options);
  const facts = await stat(path).catch(() => null);
  // A device or a pipe would be replaced by a file.
  if (facts && !facts.isFile()) {
    throw new UsageError(
      `${path} is there, and is no ordinary file: name another --output, or - for the standard output.`,
    );
  }
  const isThere = !isChosen && !options.force && facts !== null;
  if (isThere && (await hashOf(path)) !== attachment.sha256) {
    throw new UsageError(
      `${path} is there already, with other content: say --force, or name another --output.`,
    );
  }
  // A link that the user has named stays, such as /dev/stdout: the file that it leads to is replaced.
  if (!isThere) await writeToFile(claimcheck, attachment, isChosen && facts ? await realpath(path) : path);
  printer(options.json)(path, { ...attachment, path });
}

/** `isChosen`: the user has said the name, and not the service. */
async function choosePath(
  attachment: Attachment,
  { output }: GetCommandOptions,
): Promise<{ path: string; isChosen: boolean }> {
  const name = ownName(attachment);
  if (output === undefined) return { path: name, isChosen: false };
  const facts = await stat(output).catch(() => null);
  return facts?.isDirectory()
    ? { path: join(output, name), isChosen: false }
    : { path: output, isChosen: true };
}

/** Its name as one of a file here. It is somebody else's choice, so it leads nowhere else and hides from nobody. */
function ownName({ id, fileName }: Attachment): string {
  const name = basename(fileName.replace(/\\/g, '/').replace(/\p{Cc}/gu, '')).replace(/^\.+/, '_');
  return name === '' ? id : name;
}

/** The bytes go to a file beside the path, which a later run goes on with. */
async function writeToFile(claimcheck: Claimcheck, attachment: Attachment, path: string): Promise<void> {
  const partial = `${path}.${attachment.sha256.slice(0, 12)}.part`;
  const file = await openToWrite(partial);
  const bar = await createProgressBar(async () => attachment.size);
  try {
    const begun = (await file.stat()).size;
    const from = begun > attachment.size ? 0 : begun;
    bar.advance(from);
    const write = async (chunk: Uint8Array, at: number) =>
      void (await file.write(chunk, 0, chunk.length, at));
    await receive(claimcheck, attachment, { from, write }, bar);
    await file.truncate(attachment.size);
    await file.sync();
  } finally {
    bar.end();
    await file.close();
  }
  if ((await hashOf(partial)) !== attachment.sha256) {
    await rm(partial);
    throw damaged(attachment);
  }
  await rename(partial, path);
}

/** Creates it if it is not there, and keeps what it holds. */
async function openToWrite(path: string): Promise<FileHandle> {
  const file = await open(path, 'a').catch((error: unknown) => {
    throw new UsageError(`${path} cannot be written: ${error instanceof Error ? error.message : ''}`);
  });
  await file.close();
  return open(path, 'r+');
}

/** Checked only at the end, when all has gone out: a wrong digest is a failure of the command. */
async function writeToOutput(claimcheck: Claimcheck, attachment: Attachment): Promise<void> {
  const hash = createHash('sha256');
  const bar = await createProgressBar(async () => attachment.size);
  const write = async (chunk: Uint8Array) => {
    hash.update(chunk);
    await new Promise<void>((resolve) => process.stdout.write(chunk, () => resolve()));
  };
  try {
    await receive(claimcheck, attachment, { from: 0, write }, bar);
  } finally {
    bar.end();
  }
  if (hash.digest('hex') !== attachment.sha256) throw damaged(attachment);
}

interface Destination {
  from: number;
  write(chunk: Uint8Array, at: number): Promise<void>;
}

/** Writes all bytes from `from` on, over as many connections as it takes. */
async function receive(
  claimcheck: Claimcheck,
  { id, sha256, size }: Attachment,
  { from, write }: Destination,
  bar: ProgressBar,
): Promise<void> {
  let at = from;
  for (let breaks = 0; at < size; ) {
    const before = at;
    try {
      const response = await claimcheck.download(id, { from: at, sha256 });
      // Not a part of what it began with: the content is another by now.
      if (at > 0 && response.status !== 206) throw damaged({ id });
      for await (const chunk of chunksOf(response.body as ReadableStream<Uint8Array>)) {
        await write(chunk, at);
        at += chunk.length;
        bar.advance(chunk.length);
      }
    } catch (error) {
      if (!isBreak(error)) throw error;
      breaks = at > before ? 0 : breaks + 1;
      if (breaks > maxBreaks) throw unreachable(error);
      await pause(undefined, breaks, undefined);
    }
    if (at > size) throw damaged({ id });
  }
}

/** A stream that breaks off fails by a TypeError, as fetch specifies it. */
function isBreak(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof ClaimcheckError && error.code === 'UNREACHABLE');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function damaged({ id }: Pick<Attachment, 'id'>): ClaimcheckError {
  const message = `The bytes that came are not those of ${id}. Try again.`;
  return new ClaimcheckError({ message, code: 'DIGEST_MISMATCH' });
}
