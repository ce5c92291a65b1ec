import type { Readable } from 'node:stream';
import { after } from '../database/columns.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import { type PaceLimits, watchPace } from '../limits/pace.js';
import type { UploadConcurrency } from '../limits/upload-concurrency.js';
import type { Storage } from '../storage/storage.js';
import { condemnKeys } from './condemn-keys.js';
import type { IntakeLeases } from './intake-leases.js';
import { meterContent } from './meter-content.js';
import { finishTarget, moveTarget } from './upload-target.js';

export interface ReceiveUploadDependencies {
  database: Database;
  storage: Storage;
  clock: () => Date;
  uploadConcurrency: UploadConcurrency;
  pace: PaceLimits;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
}

/** A request that brings a target's bytes, as far as its headers tell. */
export interface DirectUpload {
  targetId: string;
  contentType: string;
  /** Null where the request does not say. */
  contentLength: number | null;
  content: Readable;
}

/**
 * Stores the bytes of one upload target: exactly as many as agreed, once, while it lasts. Throws NOT_FOUND (also after the
 * first time, and later than `expiresAt`), SIZE_MISMATCH, CONTENT_TYPE_MISMATCH, STORAGE_UNAVAILABLE, RATE_LIMITED where
 * the target's maker has too many uploads under way, BAD_USER_INPUT of type `timeout` where the bytes come too slowly.
 * After a failure the target may be tried again, unless all of its bytes had come: then they can be used.
 * Returns how many bytes they were.
 */
export async function receiveUpload(deps: ReceiveUploadDependencies, upload: DirectUpload): Promise<number> {
  const { database, clock } = deps;
  const open = { id: upload.targetId, state: 'OPEN' as const, expiresAt: after(clock()) };
  const target = await database.read.findOneBy(UploadTargetRow, open);
  if (!target) throw new AttachmentError('NOT_FOUND');
  checkHeaders(upload, target);
  const release = deps.uploadConcurrency.take(target.organizationId, target.principalId);
  // Held until the target is finished: however long that takes, neither it nor its bytes are cleaned away.
  deps.leases.hold(target.documentKey);
  let isThere: boolean;
  try {
    // If two requests come at once, one gets past here. A crash leaves the target unusable, never half-filled.
    const { organizationId } = target;
    const isOurs = await database.write((manager) =>
      moveTarget(manager, { ...open, organizationId }, { state: 'RECEIVING' }),
    );
    if (!isOurs) throw new AttachmentError('NOT_FOUND');
    isThere = await fill(deps, upload.content, target);
  } finally {
    release();
    await deps.leases.release(target.documentKey);
  }
  // Used and deleted already, or given up for dead: nothing can come to use the bytes any more.
  if (!isThere) await condemnKeys(database.write, [target.documentKey], clock());
  return target.size;
}

/** Returns whether the target is there still. */
async function fill(
  deps: ReceiveUploadDependencies,
  content: Readable,
  target: UploadTargetRow,
): Promise<boolean> {
  const { id, organizationId } = target;
  const receiving = { id, organizationId, state: 'RECEIVING' as const };
  try {
    await storeExactly(deps, content, target);
  } catch (error) {
    await deps.database
      .write((manager) => moveTarget(manager, receiving, { state: 'OPEN' }))
      .catch(() => undefined);
    throw error;
  }
  // Never open again, now that the bytes are whole: where this fails, whoever makes an attachment of them does it.
  return deps.database.write((manager) => finishTarget(manager, target, deps.clock()));
}

function checkHeaders({ contentLength, contentType }: DirectUpload, target: UploadTargetRow): void {
  if (contentLength !== null && contentLength !== target.size) throw sizeMismatch(target.size, contentLength);
  const given = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (given === target.contentType) return;
  const msg = `The content type must be ${target.contentType}.`;
  throw fault('content_type_mismatch', ['headers', 'content-type'], msg);
}

async function storeExactly(
  { storage, pace }: ReceiveUploadDependencies,
  content: Readable,
  { documentKey, size }: UploadTargetRow,
): Promise<void> {
  const writer = await storage.create(documentKey);
  const watched = watchPace(content, pace);
  try {
    const metered = await meterContent(content, size, (batch) => writer.write(batch), watched.signal);
    if (metered.size !== size) throw sizeMismatch(size, metered.size);
    await writer.write(metered.lastBatch);
    await writer.commit();
  } catch (error) {
    await writer.abort();
    watched.signal.throwIfAborted();
    throw error instanceof AttachmentError && error.code === 'FILE_TOO_LARGE' ? sizeMismatch(size) : error;
  } finally {
    watched.stop();
  }
}

function sizeMismatch(size: number, actual?: number): AttachmentError {
  const came = actual === undefined ? 'More came.' : `${actual} came.`;
  const msg = `Exactly ${size} bytes were agreed. ${came}`;
  return fault('size_mismatch', ['body'], msg, { limit: size });
}

/** How content comes in. */
export type Door = 'multipart' | 'base64' | 'dataUrl' | 'documentKey' | 'direct';

export type UploadOutcome = 'accepted' | 'refused' | 'failed';

/** Told of content, so that somebody can count it. */
export interface UploadMeter {
  /** Bytes that have been stored. */
  onStored(door: Door, bytes: number): void;
  /** `accepted`: an attachment has been made of it or, of bytes for a target, they are there. `failed`: by our own fault. */
  onUpload(door: Door, outcome: UploadOutcome): void;
}

/** Does `work`, all that becomes of content that came through `door`, and tells how it went. */
export async function measureUpload<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  const result = await measureFailure(meter, door, work);
  meter.onUpload(door, 'accepted');
  return result;
}

/** The same for work that is only the beginning: just a failure is told, since nothing follows it. */
export async function measureFailure<T>(meter: UploadMeter, door: Door, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isClients = error instanceof AttachmentError && error.status < 500;
    meter.onUpload(door, isClients ? 'refused' : 'failed');
    throw error;
  }
}
