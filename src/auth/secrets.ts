import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findSmallFile, privateFile } from '../config/files.js';
import { makeFolder } from '../config/folders.js';
import { systemCode } from '../storage/storage.js';

const randomSecret = () => randomBytes(32).toString('base64url');
const isLongEnough = (secret: string) => secret.length >= 16;

/** How a secret is made, and what one that was kept must look like. */
export interface SecretKind {
  make(): string;
  isGood(secret: string): boolean;
}

/**
 * The secret kept under this name in the data directory, readable by its owner only; made the first time. Throws, naming the
 * file, for one that is empty or cut off: signing with that would let anybody forge.
 */
export async function keepSecret(
  dataDirectory: string,
  name: string,
  { make, isGood }: SecretKind = { make: randomSecret, isGood: isLongEnough },
): Promise<string> {
  const path = join(dataDirectory, name);
  const kept = await readKept(path);
  if (kept === null) {
    await makeFolder(dataDirectory);
    await createWhole(dataDirectory, path, make());
  }
  const secret = kept ?? (await readKept(path)) ?? '';
  if (!isGood(secret)) {
    throw new Error(`${path} is damaged: put back the secret that it held, or remove it for a new one.`);
  }
  return secret;
}

async function readKept(path: string): Promise<string | null> {
  return (await findSmallFile(path))?.trim() ?? null;
}

/** A crash leaves no half of it, and of processes that start together, on any machine, one makes it and all use it. */
async function createWhole(directory: string, path: string, secret: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeDurably(temporary, secret);
    await link(temporary, path).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(directory);
}

/** Puts another secret in the place of the one kept under this name. A crash leaves either of them whole. */
export async function replaceSecret(dataDirectory: string, name: string, secret: string): Promise<void> {
  const path = join(dataDirectory, name);
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeDurably(temporary, secret);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dataDirectory);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

async function writeDurably(path: string, secret: string): Promise<void> {
  const file = await open(path, 'wx', privateFile);
  try {
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } catch (cause) {
    throw new Error(`${path} cannot be written (${systemCode(cause)})`, { cause });
  } finally {
    await file.close();
  }
}

/** Tokens that let whoever has one store one object, in place of a credential: `<id of the target>.<signature>`. */
export interface UploadTokens {
  issue(targetId: string): string;
  /** The target's id; null for whatever `issue` has not made. Never throws. */
  verify(token: string): string | null;
}

/** The first secret signs, every one verifies. */
export function createUploadTokens(secrets: readonly [string, ...string[]]): UploadTokens {
  const sign = (secret: string, targetId: string) =>
    createHmac('sha256', secret).update(`upload-target\n${targetId}`).digest();
  return {
    issue: (targetId) => `${targetId}.${sign(secrets[0], targetId).toString('base64url')}`,
    verify: (token) => {
      const [targetId = '', signature = '', ...rest] = token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const good = secrets.some((secret) => {
        const expected = sign(secret, targetId);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      // A signature has one spelling.
      const isPlain = given.toString('base64url') === signature;
      return good && isPlain && rest.length === 0 ? targetId : null;
    },
  };
}
