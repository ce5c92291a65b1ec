import { setTimeout as sleep } from 'node:timers/promises';
import type { Viewer } from '../auth/viewer.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError } from '../errors.js';
import type { Quotas } from '../quotas/quotas.js';
import type { DirectAccess, IncomingPart, Storage } from '../storage/storage.js';
import { condemnKeys } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { type FinishResumableDependencies, finishResumable, isExpired, isWhole } from './resumable.js';
import { finishLeased, finishTarget, type LeasedTarget, leaseTarget, reopenLeased } from './upload-target.js';

export interface FinishDependencies extends FinishResumableDependencies {
  storage: FinishResumableDependencies['storage'] & Pick<Storage, 'direct'>;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  quotas: Pick<Quotas, 'of'>;
}

/** A process that has a target in hand counts as dead after so long, and a bit longer for large ones. */
const leaseMs = 30_000;
/** As slowly as any store copies. */
const bytesPerMs = 20_000;
/** The store is told nothing any more so long before the lease ends. */
const reserveMs = 5_000;
const pollMs = 100;
const polls = 50;

/**
 * Finishes a target if all of its bytes have come and it does not say so yet: those that were sent to the store itself, and those that
 * came to us while that could not be written down. Throws STORAGE_UNAVAILABLE, and QUOTA_EXCEEDED for bytes that have come late.
 */
export async function finishIfWhole(
  deps: FinishDependencies,
  { organizationId }: Pick<Viewer, 'organizationId'>,
  documentKey: string,
): Promise<void> {
  const { direct } = deps.storage;
  const resumable = { organizationId, documentKey, protocol: 'TUS' as const };
  const upload = await deps.database.read.findOneBy(UploadTargetRow, resumable);
  if (upload) return finishResumableIfWhole(deps, upload);
  if (direct === null) return finishPutIfWhole(deps, organizationId, documentKey);
  return finishDirectIfWhole(deps, direct, { organizationId, documentKey });
}

/** Whoever has brought the last bytes may not have come to it. An upload that is gone by now is told of by whoever asks next. */
async function finishResumableIfWhole(deps: FinishDependencies, upload: UploadTargetRow): Promise<void> {
  if (upload.state === 'FINISHED' || !isWhole(upload)) return;
  await finishResumable(deps, upload, null).catch((error: unknown) => {
    if (!(error instanceof AttachmentError && error.code === 'NOT_FOUND')) throw error;
  });
}

/** Bytes that were sent to us are at their key once they are whole, and stay as they are. The row may not say so yet. */
async function finishPutIfWhole(
  { database, storage, clock }: FinishDependencies,
  organizationId: string,
  documentKey: string,
): Promise<void> {
  const receiving = { organizationId, documentKey, state: 'RECEIVING' as const };
  const target = await database.read.findOneBy(UploadTargetRow, receiving);
  if (!target || (await storage.size(documentKey)) !== target.size) return;
  await database.write((manager) => finishTarget(manager, target, clock()));
}

/**
 * Bytes that were sent to the store. One request at a time finishes them, for not every store can be told to copy these bytes and no
 * others: a copy that ran late could exchange what has been looked at. The others wait a while for it, and one that has died is taken
 * over from.
 */
async function finishDirectIfWhole(
  deps: FinishDependencies,
  direct: DirectAccess,
  key: Pick<UploadTargetRow, 'organizationId' | 'documentKey'>,
): Promise<void> {
  const { organizationId, documentKey } = key;
  for (let left = polls; left > 0; left -= 1) {
    const target = await deps.database.read.findOneBy(UploadTargetRow, { organizationId, documentKey });
    if (!target || !isUnfinished(target)) return;
    if (isInHand(target, deps.clock())) {
      await sleep(pollMs);
      continue;
    }
    const accept = await findSent(deps, direct, target);
    if (accept === null) return;
    const leased = await lease(deps, target);
    if (leased === null) continue;
    await acceptLeased(deps, leased, accept);
    return;
  }
}

/** Makes what was sent to the store the object of its key. False: it was changed meanwhile. */
type Accept = (signal: AbortSignal) => Promise<boolean>;

/** Null where the store does not have all of it. */
async function findSent(
  deps: FinishDependencies,
  direct: DirectAccess,
  target: Unfinished,
): Promise<Accept | null> {
  const { documentKey, size, protocol } = target;
  if (protocol === 'S3_MULTIPART') return findParts(deps, direct, target);
  const incoming = await direct.incoming(documentKey);
  if (incoming === null) {
    // Whoever has died may have come as far as to remove what waited.
    const isCopied = target.state === 'RECEIVING' && (await deps.storage.size(documentKey)) === size;
    return isCopied ? async () => true : null;
  }
  return incoming.size === size ? (signal) => direct.accept(documentKey, incoming.tag, signal) : null;
}

async function findParts(
  { storage, clock }: FinishDependencies,
  direct: DirectAccess,
  target: Unfinished,
): Promise<Accept | null> {
  const { documentKey, size, place: uploadId } = target;
  if (uploadId === null || isExpired(target, clock())) return null;
  const isComplete = async () => (await storage.size(documentKey)) === size;
  const parts = await direct.parts.list(documentKey, uploadId);
  // Whoever has died may have come as far as to complete it.
  if (parts === null) return (await isComplete()) ? async () => true : null;
  if (missingParts(direct, target, parts).length > 0) return null;
  return async (signal) =>
    (await direct.parts.complete(documentKey, uploadId, parts, signal)) || isComplete();
}

/** Bytes of a part, numbered from 1; null for a number that no part of the target has. */
export function sizeOfPart(
  { parts }: DirectAccess,
  { size }: Pick<UploadTargetRow, 'size'>,
  number: number,
): number | null {
  const usual = parts.partSize(size);
  const left = size - (number - 1) * usual;
  return number === 1 || (number > 1 && left > 0) ? Math.min(usual, left) : null;
}

/** The numbers of parts that are not there, or not as long as they must be. */
export function missingParts(
  direct: DirectAccess,
  target: Pick<UploadTargetRow, 'size'>,
  parts: readonly IncomingPart[],
): number[] {
  const sizes = new Map(parts.map(({ number, size }) => [number, size]));
  const missing: number[] = [];
  for (let number = 1; ; number += 1) {
    const size = sizeOfPart(direct, target, number);
    if (size === null) return missing;
    if (sizes.get(number) !== size) missing.push(number);
  }
}

/** In milliseconds. */
const leaseOf = ({ size }: UploadTargetRow) => leaseMs + Math.ceil(size / bytesPerMs);

const isInHand = ({ state, acceptingUntil }: UploadTargetRow, now: Date) =>
  state === 'RECEIVING' && acceptingUntil !== null && acceptingUntil > now;

/** One that is not finished yet. */
type Unfinished = UploadTargetRow & { state: 'OPEN' | 'RECEIVING' };

function isUnfinished(target: UploadTargetRow): target is Unfinished {
  return target.state !== 'FINISHED';
}

/** Null where somebody else has been quicker. */
async function lease(
  { database, clock, quotas }: FinishDependencies,
  target: Unfinished,
): Promise<LeasedTarget | null> {
  const acceptingUntil = new Date(clock().getTime() + leaseOf(target));
  const { organizationId, size: bytes } = target;
  const quota = await quotas.of(organizationId);
  const isLeased = await database.write(async (manager) => {
    const isMine = await leaseTarget(manager, target, acceptingUntil);
    // Past its end the room for an open target is not held any more.
    if (isMine) await quota?.assertWithin(manager, { bytes }, ['input', 'content', 'documentKey']);
    return isMine;
  });
  return isLeased ? { ...target, state: 'RECEIVING', acceptingUntil } : null;
}

/**
 * However long the store takes, no sweep touches the object. After a failure the next may try at once. If the target has gone
 * meanwhile, the object must go too.
 */
async function acceptLeased(
  { database, leases, clock }: FinishDependencies,
  target: LeasedTarget,
  accept: Accept,
): Promise<void> {
  const { documentKey } = target;
  const signal = AbortSignal.timeout(leaseOf(target) - reserveMs);
  leases.hold(documentKey);
  const isThere = await accept(signal)
    .catch(async (error: unknown) => {
      await database.write((manager) => reopenLeased(manager, target)).catch(() => undefined);
      throw error;
    })
    .then((isAccepted) => {
      const end = isAccepted ? finishLeased : reopenLeased;
      return database.write((manager) => end(manager, target));
    })
    .finally(() => leases.release(documentKey));
  if (!isThere) await condemnKeys(database.write, [documentKey], clock());
}
