import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { chmod, lchown, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** The folder that package.json lies in, wherever below it this was compiled to. */
export function packageRoot(folder = dirname(fileURLToPath(import.meta.url))): string {
  const above = dirname(folder);
  return existsSync(join(folder, 'package.json')) || above === folder ? folder : packageRoot(above);
}

/** The version in package.json. */
export function readVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** Bytes of settings, keys or a receipt. A device such as /dev/zero has no end. */
const maxSmallFile = 16 * 1024 * 1024;

/** The text of a small file such as one of settings. Throws an Error that names the file and says what is wrong with it. */
export const readSmallFile = (path: string): Promise<string> => readSmall(createReadStream(path), path);

/** As `readSmallFile`, from a source that is called `name`. */
export async function readSmall(source: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      size += chunk.byteLength;
      if (size > maxSmallFile) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
  if (size > maxSmallFile) throw new Error(`${name} has more than ${maxSmallFile} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

/** As `readSmallFile`; null if there is no such file. */
export async function findSmallFile(path: string): Promise<string | null> {
  return readSmallFile(path).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return null;
    throw error;
  });
}

/** The error for a file that the system does not read, which does not always name it itself. */
export function unreadable(name: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new Error(`${name} cannot be read (${code ?? message})`, { cause });
}

/** Modes of what is made here: nobody but the service's own user gets at it. */
export const privateFolder = 0o700;
export const privateFile = 0o600;

const others = 0o077;
/** Windows has no such modes. */
const hasModes = process.platform !== 'win32';

export interface OpenToOthers {
  path: string;
  /** Octal, such as `755`. */
  mode: string;
  reason: string;
}

/** Whether users other than the owner may do anything with a file or folder of this mode. */
export const isOpenToOthers = (mode: number): boolean => hasModes && (mode & others) !== 0;

/**
 * Takes from a file or folder whatever users other than its owner may do with it. Returns why they still may, null if they may
 * not or there is no such file. Never throws for what the system refuses.
 */
export async function closeToOthers(path: string): Promise<OpenToOthers | null> {
  const before = await modeOf(path);
  if (before === null || !isOpenToOthers(before)) return null;
  const refusal = await chmod(path, before & ~others & 0o777).then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code ?? 'unknown',
  );
  const after = await modeOf(path);
  if (after === null || !isOpenToOthers(after)) return null;
  const reason = refusal === null ? 'the volume keeps no modes' : `the mode cannot be changed (${refusal})`;
  return { path, mode: (after & 0o777).toString(8), reason };
}

/** Null where there is no such file. */
export async function modeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ mode }) => mode,
    () => null,
  );
}

/**
 * Throws if root is about to make files beside this one, which is there and another user's: that user's service could not
 * read them.
 */
export async function assertOwnUser(path: string): Promise<void> {
  const owner = await stat(path).then(
    ({ uid }) => uid,
    () => 0,
  );
  if (process.getuid?.() !== 0 || owner === 0) return;
  throw new Error(
    `${path} belongs to the user ${owner}: run this as that user. The service cannot read what root makes.`,
  );
}

/**
 * Gives a file that root has made to the user whose folder it is in, who could not open it otherwise. A link is not followed: that user
 * may have made it, and would get a file of root's.
 */
export async function giveToOwner(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  if (uid !== 0) await lchown(path, uid, gid);
}
