import { setTimeout as sleep } from 'node:timers/promises';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError } from '../errors.js';
import type { Quotas } from '../quotas/quotas.js';
import type { Storage } from '../storage/storage.js';
import { condemnKeys } from './condemn-keys.js';
import { type FinishResumableDependencies, finishResumable } from './finish-resumable.js';
import type { IntakeLeases } from './intake-leases.js';
import { isWhole } from './resumable.js';
import { finishTarget, moveTarget, unchanged } from './upload-target.js';

export interface FinishUploadDependencies extends FinishResumableDependencies {
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
 * Finishes a target whose bytes have been sent to the store itself, where they have come. One request at a time does so, for
 * not every store can be told to copy these bytes and no others: a copy that ran late could exchange what has been looked at.
 * The others wait a while for it, and one that has died is taken over from. Also finishes one whose bytes have come to us, where
 * that could not be written down. Throws STORAGE_UNAVAILABLE, and QUOTA_EXCEEDED for bytes that have come late.
 */
export async function finishUpload(
  deps: FinishUploadDependencies,
  { organizationId }: Viewer,
  documentKey: string,
): Promise<void> {
  const { direct } = deps.storage;
  const resumable = { organizationId, documentKey, protocol: 'TUS' as const };
  const upload = await deps.database.read.findOneBy(UploadTargetRow, resumable);
  if (upload) return finishWholeUpload(deps, upload);
  if (direct === null) return finishWhole(deps, organizationId, documentKey);
  for (let left = polls; left > 0; left -= 1) {
    const target = await deps.database.read.findOneBy(UploadTargetRow, { organizationId, documentKey });
    if (!target || !isUnfinished(target)) return;
    if (isInHand(target, deps.clock())) {
      await sleep(pollMs);
      continue;
    }
    const incoming = await direct.incoming(documentKey);
    // Whoever has died may have come as far as to remove what waited.
    if (incoming ? incoming.size !== target.size : !(await isCopied(deps.storage, target))) return;
    const lease = await take(deps, target);
    if (lease === null) continue;
    const copy = async (signal: AbortSignal) => !incoming || direct.accept(documentKey, incoming.tag, signal);
    await finishHeld(deps, { ...target, ...lease }, copy);
    return;
  }
}

/** Whoever has brought the last bytes may not have come to it. An upload that is gone by now is told of by whoever asks next. */
async function finishWholeUpload(deps: FinishUploadDependencies, upload: UploadTargetRow): Promise<void> {
  if (upload.state === 'FINISHED' || !isWhole(upload)) return;
  await finishResumable(deps, upload, null).catch((error: unknown) => {
    if (!(error instanceof AttachmentError && error.code === 'NOT_FOUND')) throw error;
  });
}

/** However long the copy takes, no sweep touches it. If the target has gone meanwhile, the copy must go too. */
async function finishHeld(
  { database, leases, clock }: FinishUploadDependencies,
  target: UploadTargetRow & Lease,
  copy: (signal: AbortSignal) => Promise<boolean>,
): Promise<void> {
  leases.hold(target.documentKey);
  const isSettled = await finish(database, target, copy).finally(() => leases.release(target.documentKey));
  if (!isSettled) await condemnKeys(database.write, [target.documentKey], clock());
}

/** Bytes that were sent to us are at their key once they are whole, and stay as they are. The row may not say so yet. */
async function finishWhole(
  { database, storage, clock }: FinishUploadDependencies,
  organizationId: string,
  documentKey: string,
): Promise<void> {
  const receiving = { organizationId, documentKey, state: 'RECEIVING' as const };
  const target = await database.read.findOneBy(UploadTargetRow, receiving);
  if (!target || (await storage.size(documentKey)) !== target.size) return;
  await database.write((manager) => finishTarget(manager, target, clock()));
}

/** In milliseconds. */
const leaseOf = ({ size }: UploadTargetRow) => leaseMs + Math.ceil(size / bytesPerMs);

const isInHand = ({ state, acceptingUntil }: UploadTargetRow, now: Date) =>
  state === 'RECEIVING' && acceptingUntil !== null && acceptingUntil > now;

async function isCopied(
  storage: Pick<Storage, 'size'>,
  { state, documentKey, size }: UploadTargetRow,
): Promise<boolean> {
  return state === 'RECEIVING' && (await storage.size(documentKey)) === size;
}

interface Lease {
  state: 'RECEIVING';
  acceptingUntil: Date;
}

/** One that is not finished yet. */
type Unfinished = UploadTargetRow & { state: 'OPEN' | 'RECEIVING' };

function isUnfinished(target: UploadTargetRow): target is Unfinished {
  return target.state !== 'FINISHED';
}

/** Null where somebody else has been quicker. */
async function take(
  { database, clock, quotas }: FinishUploadDependencies,
  target: Unfinished,
): Promise<Lease | null> {
  const acceptingUntil = new Date(clock().getTime() + leaseOf(target));
  const lease = { state: 'RECEIVING' as const, acceptingUntil };
  const { organizationId, size: bytes } = target;
  const quota = await quotas.of(organizationId);
  const isTaken = await database.write(async (manager) => {
    const isMoved = await moveTarget(manager, unchanged(target), lease);
    // Past its end the room for an open target is not held any more.
    if (isMoved) await quota?.assertWithin(manager, { bytes }, ['input', 'content', 'documentKey']);
    return isMoved;
  });
  return isTaken ? lease : null;
}

/** With the lease in hand: after a failure the next may try at once. Returns whether the target was still there for it. */
async function finish(
  database: Database,
  target: UploadTargetRow & Lease,
  copy: (signal: AbortSignal) => Promise<boolean>,
): Promise<boolean> {
  const release = (state: 'OPEN' | 'FINISHED') =>
    database.write((manager) => moveTarget(manager, unchanged(target), { state, acceptingUntil: null }));
  const signal = AbortSignal.timeout(leaseOf(target) - reserveMs);
  const isCopied = await copy(signal).catch(async (error: unknown) => {
    await release('OPEN').catch(() => undefined);
    throw error;
  });
  return release(isCopied ? 'FINISHED' : 'OPEN');
}
