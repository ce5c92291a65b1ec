import type { Readable } from 'node:stream';
import { agreeContentType } from '../content-types/agree-content-type.js';
import { isSameType, parseMediaType, unknownType } from '../content-types/media-types.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, Faults, fault } from '../errors.js';
import { type PaceLimits, watchPace } from '../limits/pace.js';
import type { UploadConcurrency } from '../limits/places.js';
import { AlreadyStored, type Storage } from '../storage/storage.js';
import { uploadTargetLifetimeMs } from './create-upload-target.js';
import { openObject } from './from-stream.js';
import { detect } from './from-target.js';
import { type Digests, type Hasher, type Measured, measure } from './hash-content.js';
import { condemnKeys } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { meterContent } from './meter-content.js';
import { checkDigest, checkWritten } from './running-digests.js';
import type { UploadAttempt, UploadAttempts } from './upload-attempts.js';
import { assertMakersKey, finishTarget, reopenTarget } from './upload-target.js';

export interface ReceiveUploadDependencies {
  database: Database;
  storage: Storage;
  hasher: Hasher;
  clock: () => Date;
  uploadConcurrency: UploadConcurrency;
  pace: PaceLimits;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  attempts: Pick<UploadAttempts, 'begin'>;
  isKeyGood(keyId: string): Promise<boolean>;
}

/** A request that brings a target's bytes, as far as its headers tell. */
export interface DirectUpload {
  targetId: string;
  contentType: string;
  /** Null where the request does not say. */
  contentLength: number | null;
  /** The digest of the bytes in base64; null where the request does not say. */
  contentMd5: string | null;
  /** Null where the request brings all bytes. */
  contentRange: string | null;
  content: Readable;
}

export interface ReceivedUpload extends Digests {
  /** False: the same bytes had come before. */
  isNew: boolean;
  documentKey: string;
  /** In bytes. */
  size: number;
  contentType: string;
}

/**
 * Stores the bytes of one upload target, exactly as many as agreed, while it lasts; the same bytes again are as good. Throws
 * NOT_FOUND (also later than `expiresAt`), FORBIDDEN if the target was made by a key that has ended, SIZE_MISMATCH, CONTENT_TYPE_MISMATCH, DIGEST_MISMATCH (also for other bytes than have
 * come before), STORAGE_UNAVAILABLE, UPLOAD_NOT_FINISHED while another request brings them, RATE_LIMITED where the target's maker
 * has too many uploads under way, BAD_USER_INPUT of type `timeout` where the bytes come too slowly and `taken_over` where another
 * request has come after they had stalled. After a failure the target may be tried again.
 */
export async function receiveUpload(
  deps: ReceiveUploadDependencies,
  upload: DirectUpload,
): Promise<ReceivedUpload> {
  const { database, clock } = deps;
  const isLate = ({ createdAt }: UploadTargetRow) =>
    clock().getTime() >= createdAt.getTime() + uploadTargetLifetimeMs;
  const target = await database.read.findOneBy(UploadTargetRow, { id: upload.targetId });
  if (target?.protocol !== 'PUT' || isLate(target)) throw new AttachmentError('NOT_FOUND');
  await assertMakersKey(deps, target);
  checkHeaders(upload, target);
  const release = deps.uploadConcurrency.take(target.organizationId, target.principalId);
  // Held until the target is finished: however long that takes, neither it nor its bytes are cleaned away.
  deps.leases.hold(target.documentKey);
  try {
    const attempt = await deps.attempts.begin(target, isLate);
    if (attempt === null) return await repeat(deps, upload, target);
    return await fill(deps, upload, target, attempt).finally(() => attempt.end());
  } finally {
    release();
    await deps.leases.release(target.documentKey);
  }
}

function checkHeaders(upload: DirectUpload, target: UploadTargetRow): void {
  const { contentLength, contentRange } = upload;
  if (contentLength !== null && contentLength !== target.size) throw sizeMismatch(target.size, contentLength);
  const msg = 'All bytes come in one request, without a Content-Range.';
  if (contentRange !== null)
    throw fault('content_range', ['headers', 'content-range'], msg, { message: msg });
  const given = parseMediaType(upload.contentType);
  const isSame = target.contentType === '' || (given !== null && isSameType(given, target.contentType));
  if (upload.contentType === '' || isSame) return;
  const mismatch = `The content type must be ${target.contentType}.`;
  throw fault('content_type_mismatch', ['headers', 'content-type'], mismatch);
}

async function fill(
  deps: ReceiveUploadDependencies,
  upload: DirectUpload,
  target: UploadTargetRow,
  attempt: UploadAttempt,
): Promise<ReceivedUpload> {
  const { id, organizationId, documentKey } = target;
  const { database, clock } = deps;
  let measured: Measured;
  try {
    measured = await storeExactly(deps, upload, target, attempt);
  } catch (error) {
    if (error instanceof StoredBefore) return repeatStored(deps, target, error.measured);
    const taken = { id, organizationId, attempt: attempt.id };
    // While the target is not open, the next request takes over from this attempt as from one that has died.
    await database.write((manager) => reopenTarget(manager, taken)).catch(() => undefined);
    throw error;
  }
  // Never open again, now that the bytes are whole: where this fails, whoever makes an attachment of them does it.
  const isThere = await database.write((manager) => finishTarget(manager, target, clock(), measured));
  // Used and deleted already, or given up for dead: nothing can come to use the bytes any more.
  if (!isThere) await condemnKeys(database.write, [documentKey], clock());
  return { isNew: true, ...(await describe(deps, target, measured)) };
}

/** The bytes of an earlier request are there, which could not finish the target. */
class StoredBefore extends Error {
  constructor(readonly measured: Measured) {
    super();
  }
}

async function storeExactly(
  deps: ReceiveUploadDependencies,
  upload: DirectUpload,
  target: UploadTargetRow,
  attempt: UploadAttempt,
): Promise<Measured> {
  const { storage, pace, hasher } = deps;
  const writer = await storage.create(target.documentKey, { once: true });
  const hash = hasher.start();
  const watched = watchPace(upload.content, pace);
  attempt.watch(upload.content);
  const signal = AbortSignal.any([watched.signal, attempt.signal]);
  const handle = (batch: Uint8Array[]) => Promise.all([writer.write(batch), hash.update(batch)]);
  let measured: Measured | null = null;
  try {
    const metered = await meterContent(upload.content, target.size, handle, signal);
    if (metered.size !== target.size) throw sizeMismatch(target.size, metered.size);
    const [digests] = await Promise.all([hash.finish(metered.lastBatch), writer.write(metered.lastBatch)]);
    measured = { ...metered, ...digests };
    checkDigests(upload, target, measured);
    signal.throwIfAborted();
    await assertMakersKey(deps, target);
    await writer.commit();
    return measured;
  } catch (error) {
    hash.forget();
    await writer.abort();
    if (error instanceof AlreadyStored && measured) throw new StoredBefore(measured);
    signal.throwIfAborted();
    throw toSizeMismatch(error, target.size);
  } finally {
    watched.stop();
  }
}

/** Before the bytes are stored: other bytes than were announced leave nothing. */
function checkDigests({ contentMd5 }: DirectUpload, { digest }: UploadTargetRow, measured: Digests): void {
  const faults = new Faults();
  if (contentMd5 !== null) {
    const hash = Buffer.from(contentMd5, 'base64').toString('hex');
    checkDigest(faults, { algorithm: 'MD5', hash }, measured, ['headers', 'content-md5']);
  }
  checkWritten(faults, digest, measured);
  faults.throwIfAny();
}

/** Bytes for a target that has its own: they must be the same. */
async function repeat(
  deps: ReceiveUploadDependencies,
  upload: DirectUpload,
  target: UploadTargetRow,
): Promise<ReceivedUpload> {
  const watched = watchPace(upload.content, deps.pace);
  try {
    const measured = await measure(deps.hasher, upload.content, target.size, watched.signal);
    if (measured.size !== target.size) throw sizeMismatch(target.size, measured.size);
    checkDigests(upload, target, measured);
    return await repeatStored(deps, target, measured);
  } catch (error) {
    watched.signal.throwIfAborted();
    throw toSizeMismatch(error, target.size);
  } finally {
    watched.stop();
  }
}

async function repeatStored(
  deps: ReceiveUploadDependencies,
  target: UploadTargetRow,
  measured: Measured,
): Promise<ReceivedUpload> {
  const { database, storage, hasher, clock } = deps;
  const { id, organizationId, documentKey, size } = target;
  const now = await database.read.findOneBy(UploadTargetRow, { id, organizationId });
  if (!now) throw new AttachmentError('NOT_FOUND');
  const { md5, sha256, utf8 } = now;
  const stored =
    md5 !== null && sha256 !== null
      ? { md5, sha256, isUtf8: utf8 ?? false }
      : await openObject(storage, documentKey).then((content) =>
          measure(hasher, content, size).finally(() => content.destroy()),
        );
  if (now.state !== 'FINISHED')
    await database.write((manager) => finishTarget(manager, now, clock(), stored));
  if (stored.sha256 === measured.sha256) return { isNew: false, ...(await describe(deps, now, measured)) };
  throw fault('digest_mismatch', ['body'], 'Other bytes have come before.');
}

/** The type is the one that an attachment over the bytes gets, or the one that is found in them, should the target's be another. */
async function describe(
  { storage }: Pick<ReceiveUploadDependencies, 'storage'>,
  { documentKey, size, contentType, fileName }: UploadTargetRow,
  { md5, sha256, head, isUtf8 }: Measured,
): Promise<Omit<ReceivedUpload, 'isNew'>> {
  const known = { documentKey, size, md5, sha256 };
  // The bytes are taken, even if a deletion has removed them by now, or the store does not answer any more.
  const detected = await detect(storage, documentKey, { size, head, isUtf8 }).catch(() => null);
  if (detected === null) return { ...known, contentType: contentType || unknownType };
  const { content } = detected;
  const claim = contentType === '' ? null : contentType;
  const policy = { acceptedTypes: null, extensions: 'any' } as const;
  const agreed = agreeContentType({ content, fileName, claim, hint: null, ...policy });
  return { ...known, contentType: 'contentType' in agreed ? agreed.contentType : content.contentType };
}

function toSizeMismatch(error: unknown, size: number): unknown {
  return error instanceof AttachmentError && error.code === 'FILE_TOO_LARGE' ? sizeMismatch(size) : error;
}

function sizeMismatch(size: number, actual?: number): AttachmentError {
  const came = actual === undefined ? 'More came.' : `${actual} came.`;
  const msg = `Exactly ${size} bytes were agreed. ${came}`;
  return fault('size_mismatch', ['body'], msg, { limit: size });
}
