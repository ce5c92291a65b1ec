import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ResumeStore } from '../../client/platform.js';

/**
 * Uploads under way, in the user's own folder for what may be lost. A URL in it is good for its bytes, so nobody else may read it. Without
 * such a folder nothing is remembered.
 */
export function createUploadStore(): ResumeStore {
  const { XDG_CACHE_HOME } = process.env;
  const folder = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'claimcheck/uploads');
  const pathOf = (key: string) => join(folder, createHash('sha256').update(key).digest('hex'));
  return {
    get: (key) => readFile(pathOf(key), 'utf8').catch(() => null),
    set: async (key, value) => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(pathOf(key), value, { mode: 0o600 });
      } catch {
        // The upload goes on, and another run would begin it again.
      }
    },
    remove: (key) => rm(pathOf(key), { force: true }).catch(() => undefined),
  };
}
