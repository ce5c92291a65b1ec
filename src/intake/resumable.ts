import { Readable } from 'node:stream';
import type { Database } from '../database/database.js';
import { RemovalRow } from '../database/entities/stored-bytes.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { IsNull, Not } from '../database/typeorm.js';
import { AttachmentError, Faults, fault, type Loc } from '../errors.js';
import type { PaceLimits } from '../limits/pace.js';
import type { UploadConcurrency } from '../limits/places.js';
import { checkAnnounced } from '../policies/check-policy.js';
import { choosePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Quotas } from '../quotas/quotas.js';
import type { Storage } from '../storage/storage.js';
import { openObject } from './from-stream.js';
import { type Digests, type Hasher, measure } from './hash-content.js';
import { condemnKeys, contentLost } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { checkWritten, type RunningDigest, type RunningDigests } from './running-digests.js';
import type { UnusedTargetLimits } from './unused-targets.js';
import type { UploadAttempts } from './upload-attempts.js';
import { finishTarget, isPartial, startTargetOver } from './upload-target.js';

export interface ResumableDependencies {
  database: Database;
  storage: Storage;
  hasher: Hasher;
  clock: () => Date;
  policies: PolicyBook;
  uploadConcurrency: UploadConcurrency;
  pace: PaceLimits;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  attempts: Pick<UploadAttempts, 'begin' | 'settle'>;
  digests: RunningDigests;
  /** How long an unfinished upload lives after its last byte. */
  resumableMs: number;
  /** How long it lives at most, whenever bytes come. */
  resumableMaxMs: number;
  unusedTargets: UnusedTargetLimits;
  quotas: Pick<Quotas, 'of'>;
  /** Bytes of any file. */
  maxFileSize: number;
}

/** By the id of a signed token; null where there is none. */
export function findUpload(
  { database }: Pick<ResumableDependencies, 'database'>,
  id: string,
): Promise<UploadTargetRow | null> {
  return database.read.findOneBy(UploadTargetRow, { id });
}

/** The upload as it is now. Throws NOT_FOUND of type `upload_gone`. */
export async function readUpload(
  { database }: Pick<ResumableDependencies, 'database'>,
  { id, organizationId }: UploadTargetRow,
): Promise<UploadTargetRow> {
  const found = await database.read.findOneBy(UploadTargetRow, { id, organizationId });
  if (!found) throw gone();
  return found;
}

export function gone(): AttachmentError {
  const msg = 'This upload has ended: it was terminated, has expired, or its file was deleted.';
  return fault('upload_gone', [], msg, { message: msg });
}

export const isExpired = ({ state, expiresAt }: UploadTargetRow, now: Date): boolean =>
  state !== 'FINISHED' && expiresAt !== null && expiresAt <= now;

/** Whether every byte has come. */
export const isWhole = ({ received, size, deferred }: UploadTargetRow): boolean =>
  deferred !== true && received === size;

/** Holds an upload against its policy as that is now. Throws every fault at once; the size was given at `locOfSize`. */
export function checkTerms(
  { policies, maxFileSize }: Pick<ResumableDependencies, 'policies' | 'maxFileSize'>,
  upload: UploadTargetRow,
  locOfSize: Loc = ['size'],
): void {
  const { size, terms } = upload;
  const faults = new Faults();
  const limit = maxFileSize;
  if (size > limit) faults.add('file_too_large', locOfSize, `At most ${limit} bytes are allowed.`, { limit });
  const policy = isPartial(upload)
    ? null
    : choosePolicy(faults, policies, { policy: terms?.policy ?? null }, []);
  if (policy) {
    for (const { type, msg, loc, limit: passed } of checkAnnounced(policy, upload))
      faults.add(type, type === 'file_too_large' ? locOfSize : loc, msg, { limit: passed });
  }
  faults.throwIfAny();
}

/** Begins an upload again whose bytes are lost or wrong. False: it is no longer as it was read. */
export async function startOver(
  { database }: Pick<ResumableDependencies, 'database'>,
  upload: UploadTargetRow,
): Promise<boolean> {
  return database.write((manager) => startTargetOver(manager, upload));
}

/**
 * The upload as it is once a request of this process for it that has stalled has let it go. If its bytes are gone, it has none.
 * Throws NOT_FOUND of type `upload_gone`.
 */
export async function inspectUpload(
  deps: ResumableDependencies,
  found: UploadTargetRow,
): Promise<UploadTargetRow> {
  await deps.attempts.settle(found);
  const upload = await readUpload(deps, found);
  if (isExpired(upload, deps.clock())) throw gone();
  const { documentKey, received: size, place, state } = upload;
  if (state !== 'OPEN' || size === 0 || isWhole(upload)) return upload;
  if (await deps.storage.growing.holds(documentKey, { size, place })) return upload;
  await startOver(deps, upload);
  return readUpload(deps, upload);
}

/**
 * Ends an upload, and removes its bytes. A request that brings more of them learns of it. Throws NOT_FOUND of type `upload_gone`, also
 * if an attachment uses them.
 */
export async function terminateUpload(
  { database, storage, clock }: Pick<ResumableDependencies, 'database' | 'storage' | 'clock'>,
  { id, organizationId, documentKey }: UploadTargetRow,
): Promise<void> {
  const isEnded = await database.write(async (manager) => {
    const unused = { id, organizationId, expiresAt: Not(IsNull()) };
    const { affected } = await manager.delete(UploadTargetRow, unused);
    if (affected !== 1) return false;
    await insertRow(manager, RemovalRow, { documentKey, createdAt: clock() });
    return true;
  });
  if (!isEnded) throw gone();
  // Bytes that cannot be removed now stay due.
  const removed = storage.remove(documentKey).then(
    () => true,
    () => false,
  );
  if (await removed) await database.write((manager) => manager.delete(RemovalRow, { documentKey }));
}

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
  const known = digest?.size === size ? await digest.finish() : await measureUnwritten(deps, upload);
  if (known) await assertAnnounced(deps, upload, known);
  const isOfThese = await makeObject(deps, upload);
  const digests = known && isOfThese ? known : await readDigests(deps, upload);
  if (digests !== known) await assertAnnounced(deps, upload, digests);
  const isThere = await database.write((manager) => finishTarget(manager, upload, clock(), digests));
  if (isThere) return readUpload(deps, upload);
  // Terminated meanwhile: nothing can come to use the bytes any more.
  await condemnKeys(database.write, [documentKey], clock());
  throw gone();
}

/** Digests of what is to be written once more: wrong bytes must not get that far. Null where nothing is. */
async function measureUnwritten(
  { storage, hasher }: FinishResumableDependencies,
  { documentKey, received: size, place }: UploadTargetRow,
): Promise<(Digests & { isUtf8: boolean }) | null> {
  const bytes = await storage.growing.beforeWriting(documentKey, { size, place });
  return bytes?.byteLength === size
    ? measure(hasher, Readable.from([bytes], { objectMode: false }), size)
    : null;
}

/** False: one was there, perhaps of bytes that the upload had before it began again. */
async function makeObject(deps: FinishResumableDependencies, upload: UploadTargetRow): Promise<boolean> {
  const { documentKey, received: size, place } = upload;
  const { growing } = deps.storage;
  if (place === null) {
    await (await deps.storage.create(documentKey)).commit();
    return true;
  }
  return growing.finish(documentKey, { size, place }).catch(async (error: unknown) => {
    const isThere =
      (await deps.storage.size(documentKey)) === size || (await growing.holds(documentKey, { size, place }));
    if (isThere) throw error;
    await startOver(deps, upload);
    throw contentLost(['body']);
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
  const { documentKey, received: size, place } = upload;
  // In this order: whoever finds the row without its bytes begins again, too. These bytes only: another process may have begun again
  // meanwhile, and an attachment may have the next ones. An object of these is replaced by theirs, or goes with the row.
  await deps.storage.growing.discardOnly(documentKey, { size, place });
  await startOver(deps, upload);
  faults.throwIfAny();
}
