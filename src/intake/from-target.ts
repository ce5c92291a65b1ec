import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { detectContentType } from '../content-types/detect-content-type.js';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { type AttachmentError, Faults, fault } from '../errors.js';
import { assertWhole, readAttachmentsOfBlob, type StoredAttachment } from '../model/stored-attachment.js';
import type { Quotas } from '../quotas/quotas.js';
import { blobIdOf } from '../storage/document-key.js';
import type { DirectAccess, Storage } from '../storage/storage.js';
import { uploadTargetLifetimeMs } from './create-upload-target.js';
import { finishIfWhole } from './finish.js';
import { openObject, readRange } from './from-stream.js';
import { type Digests, type Hasher, measure } from './hash-content.js';
import type { Intake } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';
import { headSize } from './meter-content.js';
import { checkWritten } from './running-digests.js';
import { isPartial, keepTarget } from './upload-target.js';

const loc = ['input', 'content', 'documentKey'];

export interface FromTargetDependencies {
  database: Database;
  storage: Storage;
  hasher: Hasher;
  clock: () => Date;
  leases: Pick<IntakeLeases, 'hold' | 'release'>;
  quotas: Pick<Quotas, 'of'>;
  /** Whether the viewer may see one of these now. Never called inside a transaction. */
  seesAny(stored: readonly StoredAttachment[]): Promise<boolean>;
}

/**
 * Takes in an object that an upload target has brought: reads it once, to measure, hash and sniff it as any other. If
 * attachments use it already, it is known. Throws DOCUMENT_KEY_UNKNOWN, also for a viewer who may not use the key,
 * UPLOAD_NOT_FINISHED, DAMAGED, STORAGE_UNAVAILABLE.
 */
export async function intakeFromTarget(
  deps: FromTargetDependencies,
  viewer: Viewer,
  documentKey: string,
): Promise<Intake> {
  const { database, storage, hasher } = deps;
  await assertMayUse(deps, viewer, documentKey);
  await finishIfWhole(deps, viewer, documentKey);
  const target = await findFinished(database.read, viewer, documentKey);
  const { fileName, size } = target;
  const declaredType = target.contentType || null;
  const { organizationId } = viewer;
  const blob = await database.read.findOneBy(BlobRow, { documentKey, organizationId });
  if (blob) assertWhole(blob, ['input', 'content', 'documentKey']);
  const known = blob ? { ...blob, isUtf8: blob.charset === 'utf-8' } : digestsOf(target);
  const reading = known
    ? recognize(storage, documentKey, known)
    : openObject(storage, documentKey)
        .then((content) => measure(hasher, content, size).finally(() => content.destroy()))
        .then((measured) => detect(storage, documentKey, measured));
  const facts = await reading.catch(async (error: unknown) => {
    // A deletion takes the target along before the bytes: then nothing is wrong with the storage.
    await findFinished(database.read, viewer, documentKey);
    throw error;
  });
  const { md5, sha256, content } = facts;
  const faults = new Faults();
  checkWritten(faults, target.digest, facts);
  faults.throwIfAny();
  const blobId = blobIdOf(documentKey);
  // Whether or not an attachment comes of it, the bytes are the target's to keep.
  const bytesStay = { used: true, fromUploadTarget: true, broughtById: target.principalId };
  return {
    blobId,
    documentKey,
    size: facts.size,
    md5,
    sha256,
    content,
    fileName,
    declaredType,
    ...bytesStay,
  };
}

/**
 * Makes sure that the viewer may make an attachment of a target's bytes. Until a record claims or links an attachment of
 * them, the target's own principal may; and whoever may see one of their attachments now. For anybody else the key is as
 * unknown as one that never was: throws DOCUMENT_KEY_UNKNOWN.
 */
async function assertMayUse(
  { database, seesAny }: Pick<FromTargetDependencies, 'database' | 'seesAny'>,
  viewer: Viewer,
  documentKey: string,
): Promise<void> {
  const { organizationId, principal } = viewer;
  const target = await database.read.findOneBy(UploadTargetRow, { organizationId, documentKey });
  if (!target) throw unknownKey();
  const made = await readAttachmentsOfBlob(database.read, viewer, blobIdOf(documentKey));
  const isShared = made.some(({ attachment }) => attachment.shared);
  if (target.principalId === principal.id && !isShared) return;
  if (!(await seesAny(made))) throw unknownKey();
}

/**
 * The finished target that the viewer's organization has this key from. Throws DOCUMENT_KEY_UNKNOWN for whatever key
 * is not from such a target, UPLOAD_NOT_FINISHED where its bytes have not all come yet.
 */
async function findFinished(
  manager: EntityManager,
  { organizationId }: Viewer,
  documentKey: string,
): Promise<UploadTargetRow> {
  const target = await manager.findOneBy(UploadTargetRow, { organizationId, documentKey });
  if (!target || isPartial(target)) throw unknownKey();
  if (target.state === 'FINISHED') return target;
  throw fault('upload_not_finished', loc, 'Its bytes have not all come yet.');
}

/** Null unless the bytes have come to us: then nothing can have changed them since. */
function digestsOf({ size, md5, sha256, utf8 }: UploadTargetRow): KnownBytes | null {
  return md5 === null || sha256 === null || utf8 === null ? null : { size, md5, sha256, isUtf8: utf8 };
}

type KnownBytes = Digests & { size: number; isUtf8: boolean };

/** The bytes are measured already. */
async function recognize(storage: Storage, documentKey: string, known: KnownBytes) {
  const head = await readRange(storage, documentKey, 0, Math.min(known.size, headSize));
  const { size, md5, sha256, isUtf8 } = known;
  return detect(storage, documentKey, { size, md5, sha256, isUtf8, head });
}

/** Adds what an object's bytes are. */
export async function detect<Known extends { size: number; head: Uint8Array; isUtf8: boolean }>(
  storage: Storage,
  documentKey: string,
  measured: Known,
) {
  const read = (start: number, end: number) => readRange(storage, documentKey, start, end);
  return { ...measured, content: await detectContentType({ ...measured, read }) };
}

/** A target, and how far it is. */
export type UploadTargetProgress = Omit<UploadTargetRow, 'state' | 'expiresAt'> & {
  state: UploadTargetRow['state'] | 'EXPIRED';
  /** From then on it takes no bytes. */
  expiresAt: Date;
};

/** The progress that a row tells of, without asking the store. */
export function progressOf(target: UploadTargetRow, now: Date): UploadTargetProgress {
  const { state, protocol, createdAt, received, size } = target;
  const ofPut = new Date(createdAt.getTime() + uploadTargetLifetimeMs);
  const expiresAt = protocol === 'PUT' ? ofPut : (target.expiresAt ?? ofPut);
  const isExpired = state !== 'FINISHED' && expiresAt <= now;
  return {
    ...target,
    expiresAt,
    received: state === 'FINISHED' ? size : received,
    state: isExpired ? 'EXPIRED' : state,
  };
}

export interface FindTargetDependencies {
  database: Pick<Database, 'read'>;
  storage: Pick<Storage, 'direct'>;
  clock: () => Date;
}

/** A target that the viewer has made; null where there is none. Bytes that were sent to the store itself count, too. */
export async function findTarget(
  { database, storage, clock }: FindTargetDependencies,
  { organizationId, principal }: Viewer,
  documentKey: string,
): Promise<UploadTargetProgress | null> {
  const mine = { organizationId, principalId: principal.id, documentKey };
  const target = await database.read.findOneBy(UploadTargetRow, mine);
  if (!target) return null;
  const progress = progressOf(target, clock());
  const received = storage.direct ? await sizeSent(storage.direct, target) : null;
  return { ...progress, received: received ?? progress.received };
}

/** Bytes that the store has; null unless they are sent to the store itself, and on their way. */
async function sizeSent(
  direct: DirectAccess,
  { documentKey, protocol, state, place: uploadId }: UploadTargetRow,
): Promise<number | null> {
  if (state === 'FINISHED' || protocol === 'TUS') return null;
  if (protocol === 'PUT') return (await direct.incoming(documentKey))?.size ?? null;
  const parts = uploadId === null ? null : await direct.parts.list(documentKey, uploadId);
  return parts?.reduce((sum, { size }) => sum + size, 0) ?? null;
}

/**
 * Makes sure, in the transaction that comes to use the bytes, that they are still there: a deletion of the last attachment
 * that used them takes the target along.
 */
export async function assertFinished(
  manager: EntityManager,
  { organizationId }: Pick<Viewer, 'organizationId'>,
  documentKey: string,
): Promise<void> {
  if (!(await keepTarget(manager, { organizationId, documentKey }))) throw unknownKey();
}

function unknownKey(): AttachmentError {
  return fault('document_key_unknown', loc, 'There is no such document key.');
}
