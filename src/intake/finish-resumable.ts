import type { Database } from '../database/database.js';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, Faults } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import { checkWritten } from './check-digest.js';
import { condemnKeys } from './condemn-keys.js';
import type { Digests, Hasher } from './hash-content.js';
import { measure } from './measure-content.js';
import { openObject } from './read-range.js';
import { gone, lost, readUpload, startOver } from './resumable.js';
import type { RunningDigest } from './running-digests.js';
import { finishTarget } from './upload-target.js';

export interface FinishResumableDependencies {
  database: Database;
  storage: Pick<Storage, 'growing' | 'create' | 'read' | 'remove' | 'size'>;
  hasher: Hasher;
  clock: () => Date;
}

/**
 * Makes an object of the bytes of an upload, all of which have come, and finishes it. Once more is as good: whoever dies in between
 * leaves it to the next. Without a digest of all bytes they are read once. Throws DIGEST_MISMATCH if they are not those that were
 * announced: then the upload begins again with none.
 */
export async function finishResumable(
  deps: FinishResumableDependencies,
  upload: UploadTargetRow,
  digest: RunningDigest | null,
): Promise<UploadTargetRow> {
  const { database, clock } = deps;
  const { documentKey, received: size } = upload;
  const known = digest?.size === size ? await digest.finish() : null;
  if (known) await assertAnnounced(deps, upload, known);
  await makeObject(deps, upload);
  const digests = known ?? (await readDigests(deps, upload));
  if (!known) await assertAnnounced(deps, upload, digests);
  const isThere = await database.write((manager) => finishTarget(manager, upload, clock(), digests));
  if (isThere) return readUpload(deps, upload);
  // Terminated meanwhile: nothing can come to use the bytes any more.
  await condemnKeys(database.write, [documentKey], clock());
  throw gone();
}

async function makeObject(deps: FinishResumableDependencies, upload: UploadTargetRow): Promise<void> {
  const { documentKey, received: size, place } = upload;
  const { create, growing } = deps.storage;
  if (place === null) return (await create(documentKey)).commit();
  await growing.finish(documentKey, { size, place }).catch(async (error: unknown) => {
    const isThere =
      (await deps.storage.size(documentKey)) === size || (await growing.holds(documentKey, { size, place }));
    if (isThere) throw error;
    await startOver(deps, upload);
    throw lost();
  });
}

async function readDigests(
  { storage, hasher }: FinishResumableDependencies,
  { documentKey, received: size }: UploadTargetRow,
): Promise<Digests & { isUtf8: boolean }> {
  const content = await openObject(storage, documentKey);
  const measured = await measure(hasher, content, size).finally(() => content.destroy());
  if (measured.size === size) return measured;
  const cause = new Error(`${documentKey} has ${measured.size} bytes instead of ${size}.`);
  throw new AttachmentError('STORAGE_UNAVAILABLE', { cause });
}

async function assertAnnounced(
  deps: FinishResumableDependencies,
  upload: UploadTargetRow,
  digests: Digests,
): Promise<void> {
  const faults = new Faults();
  checkWritten(faults, upload.digest, digests);
  if (faults.details.length === 0) return;
  // In this order: whoever finds the row without its bytes begins again, too.
  await deps.storage.remove(upload.documentKey);
  await startOver(deps, upload);
  faults.throwIfAny();
}
