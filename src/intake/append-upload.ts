import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError, fault } from '../errors.js';
import { watchPace } from '../limits/pace.js';
import type { Room } from '../quotas/quotas.js';
import type { GrowingWriter } from '../storage/storage.js';
import { Checkpoints, HeldUpload } from './held-upload.js';
import { contentLost } from './intake.js';
import { meterPart } from './meter-content.js';
import {
  checkTerms,
  finishResumable,
  gone,
  isExpired,
  isWhole,
  type ResumableDependencies,
  readUpload,
  startOver,
} from './resumable.js';
import type { RunningDigest } from './running-digests.js';
import type { UploadAttempt } from './upload-attempts.js';

/** A request that brings some bytes of an upload. */
export interface UploadPart {
  /** The offset at which they begin, as the client believes. */
  offset: number;
  /** How many bytes the upload has; null where the request does not say. */
  length: number | null;
  /** The digest of the request's bytes, by an algorithm of `node:crypto`. */
  checksum: { algorithm: string; digest: Buffer } | null;
  /** Null where the request does not say. */
  contentLength: number | null;
  content: Readable;
  /** False for bytes of our own, which come as fast as they are read. */
  isClients: boolean;
  /** The upload ends with these bytes, however long it is then. */
  isLast: boolean;
  /** Told how many bytes of the upload are durable, while more of them come. */
  onDurable: ((received: number) => void) | null;
}

/**
 * Appends bytes to an upload, and finishes it once it is whole. Everything that has come by the time of a fault counts, but for bytes
 * whose checksum is wrong or cannot be known, and for the last ones of a request with too many. Nothing is told before it is durable.
 * Throws NOT_FOUND of type `upload_gone`, BAD_USER_INPUT of type `offset_mismatch`, `upload_length`, `client_aborted`, `timeout` and
 * `taken_over`, UPLOAD_NOT_FINISHED while another request brings bytes, DIGEST_MISMATCH, FILE_TOO_LARGE, QUOTA_EXCEEDED, RATE_LIMITED,
 * STORAGE_UNAVAILABLE, and all that the policy refuses.
 */
export async function appendToUpload(
  deps: ResumableDependencies,
  found: UploadTargetRow,
  part: UploadPart,
): Promise<UploadTargetRow> {
  const isLate = (upload: UploadTargetRow) => isExpired(upload, deps.clock());
  if (isLate(found)) throw gone();
  const locOfSize = part.length === null ? ['size'] : ['headers', 'upload-length'];
  checkTerms(deps, { ...found, size: part.length ?? found.size }, locOfSize);
  if (found.state !== 'RECEIVING') checkPart(found, part);
  const release = deps.uploadConcurrency.take(found.organizationId, found.principalId);
  deps.leases.hold(found.documentKey);
  try {
    const attempt = await deps.attempts.begin(found, isLate).catch(toGone);
    if (attempt) return await bring(deps, found, part, attempt).finally(() => attempt.end());
    const finished = await readUpload(deps, found);
    checkPart(finished, part);
    return finished;
  } finally {
    release();
    await deps.leases.release(found.documentKey);
  }
}

function toGone(error: unknown): never {
  throw error instanceof AttachmentError && error.code === 'NOT_FOUND' ? gone() : error;
}

function checkPart(upload: UploadTargetRow, { offset, contentLength, length }: UploadPart): void {
  const { received, deferred } = upload;
  const size = deferred ? (length ?? upload.size) : upload.size;
  if (offset !== received) {
    const msg = `The offset is ${received}.`;
    throw fault('offset_mismatch', ['headers', 'upload-offset'], msg, { message: msg });
  }
  if (size < received || (length !== null && length !== size)) {
    const msg = deferred ? `${received} bytes have come already.` : `The length is ${size}.`;
    throw fault('upload_length', ['headers', 'upload-length'], msg, { message: msg });
  }
  if (offset + (contentLength ?? 0) > size) throw tooLarge(size);
}

function tooLarge(limit: number): AttachmentError {
  const msg = `The upload has ${limit} bytes, and more came.`;
  return fault('file_too_large', ['body'], msg, { message: msg, limit });
}

async function bring(
  deps: ResumableDependencies,
  found: UploadTargetRow,
  part: UploadPart,
  attempt: UploadAttempt,
): Promise<UploadTargetRow> {
  const held = await HeldUpload.read(deps, attempt, found);
  try {
    checkPart(held.row, part);
    if (part.length !== null) await held.agreeLength(part.length);
    const digest =
      part.contentLength === 0
        ? null
        : await receive(deps, { held, part, attempt, room: await roomFor(deps, held, part) });
    if (isWhole(held.row)) return await finishResumable(deps, held.row, digest);
    if (held.row.state === 'RECEIVING') await held.letGo();
    return held.row;
  } catch (error) {
    await held.letGo().catch(() => undefined);
    const isThere = await readUpload(deps, found).then(
      () => true,
      (reason: unknown) => !(reason instanceof AttachmentError),
    );
    // A termination has taken the bytes away: then nothing is wrong with the storage.
    throw isThere ? error : gone();
  }
}

/**
 * The room for an upload whose length nobody knows, which holds none; null for any other. Throws QUOTA_EXCEEDED if the request says
 * that it brings more.
 */
async function roomFor(
  { quotas }: ResumableDependencies,
  { row: { deferred, organizationId } }: HeldUpload,
  { contentLength }: UploadPart,
): Promise<Room | null> {
  const quota = deferred ? await quotas.of(organizationId) : null;
  const room = (await quota?.roomFor(['body'])) ?? null;
  if (room && (contentLength ?? 0) > room.bytes) throw room.exceeded;
  return room;
}

interface Receiving {
  held: HeldUpload;
  part: UploadPart;
  attempt: UploadAttempt;
  room: Room | null;
}

/** Returns the digest of all bytes that have come, if it is known. */
async function receive(deps: ResumableDependencies, receiving: Receiving): Promise<RunningDigest | null> {
  const { held, attempt } = receiving;
  const { id, documentKey, received: size, place } = held.row;
  const writer = await deps.storage.growing.append(documentKey, { size, place }, attempt.isContested);
  if (!writer) {
    await startOver(deps, held.row);
    throw contentLost(['body']);
  }
  const digest = deps.digests.take(id, size);
  let isBroken = true;
  try {
    await write(deps, { ...receiving, writer, digest });
    isBroken = false;
  } finally {
    await writer.close(held.counted);
    const isKnown = digest?.size === held.row.received;
    if (isKnown && !isWhole(held.row)) deps.digests.keep(id, digest);
    else if (!isKnown || isBroken) digest?.forget();
  }
  return digest?.size === held.row.received ? digest : null;
}

interface Writing extends Receiving {
  writer: GrowingWriter;
  digest: RunningDigest | null;
}

async function write(deps: ResumableDependencies, writing: Writing): Promise<void> {
  const { held, part, attempt, room, writer, digest } = writing;
  const check = part.checksum ? createHash(part.checksum.algorithm) : null;
  const watched = part.isClients ? watchPace(part.content, deps.pace) : null;
  attempt.watch(part.content);
  const checkpoints = new Checkpoints(async () => {
    await held.settle(writer, 'more to come');
    part.onDurable?.(held.row.received);
  });
  let isGood = true;
  const handle = async (batch: readonly Uint8Array[]) => {
    isGood = false;
    for (const piece of batch) check?.update(piece);
    await Promise.all([writer.write(batch), digest?.update(batch)]);
    // Bytes with a checksum count together or not at all.
    if (!check) checkpoints.count(batch.reduce((sum, { byteLength }) => sum + byteLength, 0));
    isGood = true;
  };
  const signal = AbortSignal.any([attempt.signal, ...(watched ? [watched.signal] : [])]);
  const left = held.row.size - held.row.received;
  const isRoomLess = room !== null && room.bytes < left;
  const came = await meterPart(part.content, isRoomLess ? room.bytes : left, handle, signal);
  watched?.stop();
  let broken = signal.aborted ? signal.reason : came.fault;
  if (isGood) await handle(came.lastBatch).catch((error: unknown) => (broken ??= error));
  await checkpoints.end();
  if (broken === null && check && !part.checksum?.digest.equals(check.digest())) broken = wrongChecksum();
  const counts = broken === null || (!check && !isTooMuch(broken));
  if (counts) await settleAll(writing, broken);
  if (isRoomLess && isTooMuch(broken)) throw room.exceeded;
  if (broken !== null) throw toClientsFault(broken, part, held.row);
}

/** Without an end that cannot be stored, if need be. */
async function settleAll({ held, writer, part }: Writing, broken: unknown): Promise<void> {
  const moment = part.isLast && broken === null ? 'upload ends' : 'request ends';
  await held.settle(writer, moment).catch(async (error: unknown) => {
    await held.settle(writer, 'more to come').catch(() => undefined);
    throw broken ?? error;
  });
}

const isTooMuch = (error: unknown) => error instanceof AttachmentError && error.code === 'FILE_TOO_LARGE';

function toClientsFault(
  broken: unknown,
  { content, isClients }: UploadPart,
  { size }: UploadTargetRow,
): unknown {
  if (isTooMuch(broken)) return tooLarge(size);
  if (broken instanceof AttachmentError || !isClients || content.errored !== broken) return broken;
  const msg = 'The request ended before its body was complete.';
  return fault('client_aborted', ['body'], msg, { code: 'BAD_USER_INPUT', message: msg });
}

function wrongChecksum(): AttachmentError {
  const msg = 'The bytes do not have this checksum. None of them was kept.';
  return fault('checksum_mismatch', ['headers', 'upload-checksum'], msg, { message: msg });
}
