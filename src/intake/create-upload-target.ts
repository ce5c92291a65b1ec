import { v7 as uuidv7 } from 'uuid';
import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/clean-file-name.js';
import { parseMediaType } from '../content-types/content-type-names.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { Faults } from '../errors.js';
import { checkPolicy, checkSize } from '../policies/check-policy.js';
import { choosePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import { createDocumentKey } from '../storage/document-key.js';
import type { DirectUploadTarget, Storage } from '../storage/storage.js';
import { checkDigest, type Digest, writeDigest } from './check-digest.js';

export interface CreateUploadTargetDependencies {
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
}

export interface CreateUploadTarget {
  fileName: string;
  /** Null: found in the bytes. */
  contentType: string | null;
  /** Refused at the PUT where the bytes disagree. */
  digest: Digest | null;
  /** Exactly so many bytes will be sent. */
  size: number;
  policy: string | null;
}

/** How long the bytes may be sent, once. */
export const uploadTargetLifetimeMs = 15 * 60_000;

/**
 * Leave to store one object directly, bound to the viewer, its organization, the size and the type. Throws, with every fault
 * at once, INVALID_FILE_NAME, BAD_USER_INPUT, FILE_TOO_LARGE, CONTENT_TYPE_NOT_ALLOWED.
 */
export async function createUploadTarget(
  { database, clock, policies }: CreateUploadTargetDependencies,
  viewer: Viewer,
  input: CreateUploadTarget,
): Promise<UploadTargetRow & { expiresAt: Date }> {
  const { fileName, contentType } = checkInput(policies, input);
  const now = clock();
  const target = Object.assign(new UploadTargetRow(), {
    id: uuidv7(),
    organizationId: viewer.organizationId,
    principalId: viewer.principal.id,
    documentKey: createDocumentKey(viewer.organizationId, now),
    fileName,
    contentType,
    size: input.size,
    state: 'OPEN' as const,
    acceptingUntil: null,
    attempt: null,
    beat: 0,
    digest: writeDigest(input.digest),
    md5: null,
    sha256: null,
    createdAt: now,
    expiresAt: new Date(now.getTime() + uploadTargetLifetimeMs),
  });
  await database.write((manager) => insertRow(manager, UploadTargetRow, target));
  return target;
}

function checkInput(
  policies: PolicyBook,
  input: CreateUploadTarget,
): { fileName: string; contentType: string } {
  const faults = new Faults();
  const fileName = chooseFileName(faults, input.fileName, null);
  const given = input.contentType ?? '';
  const contentType = parseMediaType(given) ?? '';
  if (given !== '' && contentType === '') {
    faults.add('invalid_media_type', ['input', 'contentType'], 'Not a media type.');
  }
  if (input.size < 0) faults.add('out_of_range', ['input', 'size'], 'Must not be negative.');
  if (input.digest) checkDigest(faults, input.digest, null);
  const policy = choosePolicy(faults, policies, { policy: input.policy });
  if (policy) {
    const file = { size: input.size, contentType, fileName };
    for (const { type, msg, limit, loc } of contentType === ''
      ? checkSize(policy, file)
      : checkPolicy(policy, file)) {
      faults.add(type, ['input', ...loc], msg, { limit });
    }
  }
  faults.throwIfAny();
  return { fileName, contentType };
}

export interface OfferUploadDependencies {
  storage: Pick<Storage, 'direct'>;
  /** Our URL for the bytes of a target. */
  uploadUrl(targetId: string): string;
}

/** URL and headers for the bytes of a target: the store's own if it takes them. */
export async function offerUpload(
  { storage: { direct }, uploadUrl }: OfferUploadDependencies,
  { id, documentKey, size, contentType, createdAt }: UploadTargetRow,
): Promise<DirectUploadTarget> {
  if (direct === null || size > direct.maxSize) {
    return { url: uploadUrl(id), headers: contentType === '' ? {} : { 'Content-Type': contentType } };
  }
  const validity = { from: createdAt, seconds: uploadTargetLifetimeMs / 1_000 };
  return direct.uploadTarget(documentKey, { size, contentType, validity });
}
