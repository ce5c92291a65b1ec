import type { Viewer } from '../auth/viewer.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { Faults, fault } from '../errors.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { DirectAccess, IncomingPart, Storage } from '../storage/storage.js';
import { uploadTargetLifetimeMs } from './create-upload-target.js';
import { type FinishDependencies, finishIfWhole, missingParts, sizeOfPart } from './finish.js';
import { laterExpiry } from './held-upload.js';
import { checkTerms, gone, isExpired, terminateUpload } from './resumable.js';
import { prolongTarget } from './upload-target.js';

export interface UploadPartsDependencies extends FinishDependencies {
  storage: Storage;
  policies: PolicyBook;
  /** Bytes of any file. */
  maxFileSize: number;
  /** How long an unfinished target lives after its last URL. */
  resumableMs: number;
  /** And in all. */
  resumableMaxMs: number;
}

/** A URL that takes one part. */
export interface PartOffer {
  partNumber: number;
  /** Exactly so many bytes are taken. */
  size: number;
  url: string;
  expiresAt: Date;
}

/** Parts of one answer. */
const maxListed = 1_000;
/** Numbers that a message names. */
const maxNamed = 10;

const loc = ['input', 'documentKey'];

/**
 * URLs for parts of a target, which lives on from now. Throws DOCUMENT_KEY_UNKNOWN, also for targets of others; BAD_USER_INPUT of type
 * `no_parts`, `upload_finished`, `empty` and `out_of_range`; NOT_FOUND of type `upload_gone`; UPLOAD_NOT_FINISHED while it is being
 * completed; QUOTA_EXCEEDED, and all that the policy refuses.
 */
export async function signUploadParts(
  deps: UploadPartsDependencies,
  viewer: Viewer,
  { documentKey, partNumbers }: { documentKey: string; partNumbers: readonly number[] },
): Promise<PartOffer[]> {
  const { direct, target, uploadId } = await findTarget(deps, viewer, documentKey, loc);
  if (target.state === 'FINISHED') {
    const msg = 'All of its bytes have come.';
    throw fault('upload_finished', loc, msg, { message: msg });
  }
  checkLives(deps, target);
  const sizes = checkNumbers(direct, target, partNumbers);
  await prolong(deps, target);
  const from = deps.clock();
  const expiresAt = new Date(from.getTime() + uploadTargetLifetimeMs);
  const validity = { from, seconds: uploadTargetLifetimeMs / 1_000 };
  return Promise.all(
    sizes.map(async ({ number, size }) => {
      const url = await direct.parts.partUrl(documentKey, uploadId, { number, size, validity });
      return { partNumber: number, size, url, expiresAt };
    }),
  );
}

/** The parts that the store has behind the number `after`. Throws DOCUMENT_KEY_UNKNOWN, and BAD_USER_INPUT of type `no_parts`. */
export async function listUploadParts(
  deps: UploadPartsDependencies,
  viewer: Viewer,
  input: { documentKey: string; after?: number | null | undefined; first?: number | null | undefined },
): Promise<IncomingPart[]> {
  const { documentKey } = input;
  const [after, first] = [input.after ?? 0, input.first ?? maxListed];
  const faults = new Faults();
  if (first < 0 || first > maxListed)
    faults.add('out_of_range', ['first'], `Must be from 0 to ${maxListed}.`, { limit: maxListed });
  if (after < 0) faults.add('out_of_range', ['after'], 'Must not be negative.');
  faults.throwIfAny();
  const { direct, uploadId } = await findTarget(deps, viewer, documentKey, ['documentKey']);
  const parts = (await direct.parts.list(documentKey, uploadId)) ?? [];
  return parts.filter(({ number }) => number > after).slice(0, first);
}

/**
 * Finishes a target all of whose parts have come: from then on none of its URLs can change a byte. Once more is as good. Throws what
 * `signUploadParts` throws of the target, UPLOAD_NOT_FINISHED which names missing parts, and STORAGE_UNAVAILABLE.
 */
export async function completeUploadTarget(
  deps: UploadPartsDependencies,
  viewer: Viewer,
  documentKey: string,
): Promise<UploadTargetRow> {
  const { direct, target, uploadId } = await findTarget(deps, viewer, documentKey, loc);
  if (target.state === 'FINISHED') return target;
  checkLives(deps, target);
  await finishIfWhole(deps, viewer, documentKey);
  const { id, organizationId } = target;
  const now = await deps.database.read.findOneBy(UploadTargetRow, { id, organizationId });
  if (now?.state === 'FINISHED') return now;
  if (now?.state === 'RECEIVING') throw underWay();
  const parts = now ? await direct.parts.list(documentKey, uploadId) : null;
  // The store has given it up, or the target was aborted meanwhile.
  if (parts === null) throw gone();
  throw incomplete(missingParts(direct, target, parts));
}

/** Ends a target; its parts go. Throws DOCUMENT_KEY_UNKNOWN, BAD_USER_INPUT of type `no_parts`, NOT_FOUND of type `upload_gone`. */
export async function abortUploadTarget(
  deps: UploadPartsDependencies,
  viewer: Viewer,
  documentKey: string,
): Promise<void> {
  const { target } = await findTarget(deps, viewer, documentKey, loc);
  await terminateUpload(deps, target);
}

interface FoundTarget {
  direct: DirectAccess;
  target: UploadTargetRow;
  /** The store's name for what the parts make. */
  uploadId: string;
}

async function findTarget(
  { database, storage }: UploadPartsDependencies,
  { organizationId, principal }: Viewer,
  documentKey: string,
  at: readonly string[],
): Promise<FoundTarget> {
  const mine = { organizationId, principalId: principal.id, documentKey };
  const target = await database.read.findOneBy(UploadTargetRow, mine);
  if (!target) throw fault('document_key_unknown', [...at], 'There is no such document key.');
  const { place: uploadId, protocol } = target;
  if (storage.direct && protocol === 'S3_MULTIPART' && uploadId !== null)
    return { direct: storage.direct, target, uploadId };
  const msg = 'This target does not take its bytes in parts.';
  throw fault('no_parts', [...at], msg, { message: msg });
}

function checkLives(deps: UploadPartsDependencies, target: UploadTargetRow): void {
  if (isExpired(target, deps.clock())) throw gone();
  checkTerms(deps, target);
}

interface PartSize {
  number: number;
  size: number;
}

function checkNumbers(
  direct: DirectAccess,
  target: UploadTargetRow,
  partNumbers: readonly number[],
): PartSize[] {
  const faults = new Faults();
  const at = ['input', 'partNumbers'];
  if (partNumbers.length === 0) faults.add('empty', at, 'At least one number is needed.');
  const limit = Math.max(1, Math.ceil(target.size / direct.parts.partSize(target.size)));
  const sizes = partNumbers.flatMap((number, index) => {
    const size = sizeOfPart(direct, target, number);
    if (size !== null) return [{ number, size }];
    faults.add('out_of_range', [...at, index], `Parts are numbered from 1 to ${limit}.`, { limit });
    return [];
  });
  faults.throwIfAny();
  return sizes;
}

async function prolong(deps: UploadPartsDependencies, target: UploadTargetRow) {
  const expiresAt = laterExpiry(deps, target.createdAt, deps.clock());
  const quota = await deps.quotas.of(target.organizationId);
  const isOpen = await deps.database.write(async (manager) => {
    const isProlonged = await prolongTarget(manager, target, expiresAt);
    if (isProlonged) await quota?.assertWithin(manager, { bytes: target.size }, loc);
    return isProlonged;
  });
  if (!isOpen) throw underWay();
}

function underWay() {
  const msg = 'The target is being completed.';
  return fault('upload_under_way', loc, msg, { message: msg, retryAfterSeconds: 1 });
}

function incomplete(missing: readonly number[]) {
  const more = missing.length > maxNamed ? ` and ${missing.length - maxNamed} more` : '';
  const numbers = missing.slice(0, maxNamed).join(', ');
  const reason =
    numbers === '' ? 'A part was replaced just now.' : `The parts ${numbers}${more} are missing.`;
  return fault('upload_not_finished', loc, reason);
}
