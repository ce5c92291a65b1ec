import { rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { findSmallFile, giveToOwner, privateFile } from '../config/files.js';
import { whileLocked } from '../database/file-lock.js';
import { nullWhereMissing } from '../storage/local-growing.js';

const count = z.int().min(0);

const stateSchema = z.object({
  /** Blobs up to this id have been verified. */
  afterBlobId: z.string(),
  /** Those that came later are none of this run's business. */
  lastBlobId: z.string(),
  /** Hours before this have been looked through for orphans; RFC 3339, as is `orphansUntil`. */
  orphansFrom: z.coerce.date(),
  orphansUntil: z.coerce.date(),
  files: count,
  bytes: count,
  missing: count,
  damaged: count,
  orphaned: count,
});

/** How far a verification has come, and what it has found so far. */
export type VerifyState = z.infer<typeof stateSchema>;

/** A verification's state as a file of its own, so that it goes on after Ctrl-C, a kill or a crash. */
export class VerifyStateFile {
  readonly #path: string;

  constructor(dataDirectory: string) {
    this.#path = join(dataDirectory, 'verify-state.json');
  }

  /** Does work while no other verification keeps its place there. */
  whileOwn<Result>(work: () => Promise<Result>): Promise<Result> {
    const busy = 'Another claimcheck verify is running, and keeps its place in this DATA_DIR.';
    return whileLocked(`${this.#path}.lock`, { waitMs: 0, busy }, work);
  }

  /** Null where none is left over. Throws where the file is not what `save` has written. */
  async load(): Promise<VerifyState | null> {
    const text = await findSmallFile(this.#path);
    if (text === null) return null;
    try {
      return stateSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw new Error(`${this.#path} cannot be read; start without --resume.`, { cause });
    }
  }

  /** Replaces the file as a whole: a kill leaves the old or the new one. */
  async save(state: VerifyState): Promise<void> {
    await this.#replace(JSON.stringify(state)).catch(this.#explain('written'));
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true }).catch(this.#explain('removed'));
  }

  readonly #explain = (verb: string) => (cause: Error) => {
    throw new Error(`${this.#path} cannot be ${verb}: ${cause.message}`, { cause });
  };

  async #replace(text: string): Promise<void> {
    const unfinished = `${this.#path}.part`;
    // As a new file: what another user of the folder has linked there is not written to.
    await unlink(unfinished).catch(nullWhereMissing);
    await writeFile(unfinished, text, { mode: privateFile, flag: 'wx' });
    await giveToOwner(unfinished);
    await rename(unfinished, this.#path);
  }
}
