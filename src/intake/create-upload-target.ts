import type { Viewer } from '../auth/viewer.js';
import { chooseFileName } from '../content-types/file-names.js';
import { parseMediaType } from '../content-types/media-types.js';
import type { Database } from '../database/database.js';
import {
  type UploadProtocol,
  UploadTargetRow,
  type UploadTerms,
} from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { Faults, fault, type Loc } from '../errors.js';
import { newId } from '../new-id.js';
import { checkAnnounced } from '../policies/check-policy.js';
import { choosePolicy } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Quotas } from '../quotas/quotas.js';
import { createDocumentKey, createGrowingKey } from '../storage/document-key.js';
import type { DirectUploadTarget, Storage } from '../storage/storage.js';
import { laterExpiry } from './held-upload.js';
import { terminateUpload } from './resumable.js';
import { checkDigest, type Digest, writeDigest } from './running-digests.js';
import { assertFewUnused, type UnusedTargetLimits } from './unused-targets.js';
import { nameParts } from './upload-target.js';

export interface CreateUploadTargetDependencies {
  storage: Storage;
  database: Database;
  clock: () => Date;
  policies: PolicyBook;
  /** How long one that takes many requests lives after its last byte. */
  resumableMs: number;
  /** How long that one lives at most. */
  resumableMaxMs: number;
  unusedTargets: UnusedTargetLimits;
  quotas: Pick<Quotas, 'of'>;
}

export interface CreateUploadTarget {
  fileName: string;
  /** Null: found in the bytes. */
  contentType: string | null;
  /** Refused at the end of the bytes where they disagree. */
  digest: Digest | null;
  /** Exactly so many bytes will be sent. */
  size: number;
  policy: string | null;
  protocol: UploadProtocol;
}

/** How long the bytes may be sent, once. */
export const uploadTargetLifetimeMs = 15 * 60_000;

/**
 * Leave to store one object directly, bound to the viewer, its organization, the size and the type. Throws, with every fault
 * at once, INVALID_FILE_NAME, BAD_USER_INPUT, FILE_TOO_LARGE, CONTENT_TYPE_NOT_ALLOWED; then QUOTA_EXCEEDED, since room for the bytes
 * is held from now on. In parts also BAD_USER_INPUT of type `no_parts` if bytes are kept in no store, and STORAGE_UNAVAILABLE.
 */
export async function createUploadTarget(
  deps: CreateUploadTargetDependencies,
  viewer: Viewer,
  input: CreateUploadTarget,
): Promise<UploadTargetRow & { expiresAt: Date }> {
  const file = checkInput(deps.policies, input, ofInput);
  const { policy, size, digest, protocol } = input;
  const { keyId } = viewer;
  const isByParts = protocol === 'S3_MULTIPART';
  if (isByParts && !deps.storage.direct) {
    const msg = 'The service keeps bytes in no store that takes them in parts. Use TUS.';
    throw fault('no_parts', ['input', 'protocol'], msg, { message: msg });
  }
  const terms = { policy, keyId, needsCredential: false, metadata: null, concat: null };
  const facts = { ...file, terms, deferred: null, size, digest, protocol };
  const target = await insertTarget(deps, viewer, facts, ofInput.size);
  return isByParts ? beginParts(deps, target) : target;
}

/** The row is there before anything is in the store: so that goes with the row, whatever happens in between. */
async function beginParts(
  deps: CreateUploadTargetDependencies,
  target: UploadTargetRow & { expiresAt: Date },
): Promise<UploadTargetRow & { expiresAt: Date }> {
  try {
    const place = (await deps.storage.direct?.parts.begin(target.documentKey)) ?? null;
    await deps.database.write((manager) => nameParts(manager, target, place));
    return Object.assign(target, { place });
  } catch (error) {
    await terminateUpload(deps, target).catch(() => undefined);
    throw error;
  }
}

/** Facts about the bytes that are to come. */
export interface TargetFacts
  extends Pick<UploadTargetRow, 'fileName' | 'contentType' | 'size' | 'deferred' | 'protocol'> {
  digest: Digest | null;
  terms: UploadTerms;
}

/** Makes the row of a target whose facts have been checked. */
export async function insertTarget(
  deps: Omit<CreateUploadTargetDependencies, 'policies' | 'storage'>,
  { organizationId, principal }: Viewer,
  { digest, ...facts }: TargetFacts,
  locOfSize: Loc,
): Promise<UploadTargetRow & { expiresAt: Date }> {
  const now = deps.clock();
  const isByOneRequest = facts.protocol === 'PUT';
  const createKey = isByOneRequest ? createDocumentKey : createGrowingKey;
  const expiresAt = isByOneRequest
    ? new Date(now.getTime() + uploadTargetLifetimeMs)
    : laterExpiry(deps, now, now);
  const target = Object.assign(new UploadTargetRow(), {
    id: newId(),
    organizationId,
    principalId: principal.id,
    documentKey: createKey(organizationId, now),
    state: 'OPEN' as const,
    acceptingUntil: null,
    attempt: null,
    beat: 0,
    digest: writeDigest(digest),
    md5: null,
    sha256: null,
    utf8: null,
    received: 0,
    place: null,
    createdAt: now,
    expiresAt,
    ...facts,
  });
  const quota = await deps.quotas.of(organizationId);
  await deps.database.write(async (manager) => {
    await insertRow(manager, UploadTargetRow, target);
    await assertFewUnused(manager, deps.unusedTargets, target);
    await quota?.assertWithin(manager, { bytes: facts.deferred ? 0 : target.size }, locOfSize);
  });
  return target;
}

/** The places in a request that tell these. A policy is told at `policy` below `root`. */
export type Places = Readonly<Record<'root' | 'size' | 'fileName' | 'contentType' | 'digest', Loc>>;

const ofInput: Places = {
  root: ['input'],
  size: ['input', 'size'],
  fileName: ['input', 'fileName'],
  contentType: ['input', 'contentType'],
  digest: ['input', 'digest', 'hash'],
};

/** The name and the type that a target gets. Throws every fault at once, each at its place. */
export function checkInput(
  policies: PolicyBook,
  input: Pick<CreateUploadTarget, 'fileName' | 'contentType' | 'size' | 'policy' | 'digest'>,
  places: Places,
): { fileName: string; contentType: string } {
  const faults = new Faults();
  const fileName = chooseFileName(faults, input.fileName, null, places.fileName);
  const given = input.contentType ?? '';
  const contentType = parseMediaType(given) ?? '';
  if (given !== '' && contentType === '') {
    faults.add('invalid_media_type', places.contentType, 'Not a media type.');
  }
  if (input.size < 0) faults.add('out_of_range', places.size, 'Must not be negative.');
  if (input.digest) checkDigest(faults, input.digest, null, places.digest);
  const policy = choosePolicy(faults, policies, { policy: input.policy }, places.root);
  if (policy) {
    const file = { size: input.size, contentType, fileName };
    for (const { type, msg, limit, loc } of checkAnnounced(policy, file, input.policy !== null)) {
      const ofFile = loc[0] === 'fileName' ? places.fileName : places.contentType;
      faults.add(type, type === 'file_too_large' ? places.size : ofFile, msg, { limit });
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

export const tusVersion = '1.0.0';

/** The place that the bytes of a target go to. */
export interface UploadOffer extends DirectUploadTarget {
  /** Bytes of each part; null unless the target is sent in parts. */
  partSize: number | null;
}

/** URL and headers for the bytes of a target: the store's own if it takes them. For one in parts those of the first part. */
export async function offerUpload(
  { storage: { direct }, uploadUrl }: OfferUploadDependencies,
  target: OfferedTarget,
): Promise<UploadOffer> {
  const { id, documentKey, size, contentType, createdAt, protocol, place } = target;
  const ours = { url: uploadUrl(id), partSize: null };
  if (protocol === 'TUS') return { ...ours, headers: { 'Tus-Resumable': tusVersion } };
  const validity = { from: createdAt, seconds: uploadTargetLifetimeMs / 1_000 };
  if (direct && place !== null) {
    const partSize = direct.parts.partSize(size);
    const first = { number: 1, size: Math.min(size, partSize), validity };
    return { url: await direct.parts.partUrl(documentKey, place, first), headers: {}, partSize };
  }
  if (direct === null || size > direct.maxSize) {
    return { ...ours, headers: contentType === '' ? {} : { 'Content-Type': contentType } };
  }
  return { ...(await direct.uploadTarget(documentKey, { size, contentType, validity })), partSize: null };
}

type OfferedTarget = Pick<
  UploadTargetRow,
  'id' | 'documentKey' | 'size' | 'contentType' | 'createdAt' | 'protocol' | 'place'
>;
