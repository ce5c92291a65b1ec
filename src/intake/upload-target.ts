import type { EntityManager, FindOptionsWhere } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow, type UploadTargetState } from '../database/entities/upload-target.js';
import { at, IsNull } from '../database/typeorm.js';
import { type AttachmentError, fault } from '../errors.js';
import { readAttachmentsOfBlob, type StoredAttachment } from '../model/stored-attachment.js';
import { blobIdOf } from '../storage/document-key.js';
import type { Digests } from './hash-content.js';

const loc = ['input', 'content', 'documentKey'];

export interface MayUseDependencies {
  database: Pick<Database, 'read'>;
  seesAny(stored: readonly StoredAttachment[]): Promise<boolean>;
}

/**
 * Makes sure that the viewer may make an attachment of a target's bytes. Until a record claims or links an attachment of
 * them, the target's own principal may; and whoever may see one of their attachments now. For anybody else the key is as
 * unknown as one that never was: throws DOCUMENT_KEY_UNKNOWN.
 */
export async function assertMayUse(
  { database, seesAny }: MayUseDependencies,
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
 * Which states may follow which. A PUT to us, or a copy that the store makes, takes an OPEN target in hand and finishes it or
 * opens it again. One that has stalled or died is taken over from: RECEIVING follows itself. Whoever has stored the bytes whole
 * finishes the target, even if another has taken over and opened it again. FINISHED follows itself where an attachment comes to use
 * the bytes. A target ends by being deleted. Bytes by TUS come in many requests, and it is opened after each; OPEN follows itself
 * where all that has come turns out to be lost or wrong.
 */
const transitions = {
  OPEN: ['OPEN', 'RECEIVING', 'FINISHED'],
  RECEIVING: ['RECEIVING', 'OPEN', 'FINISHED'],
  FINISHED: ['FINISHED'],
} as const satisfies Record<UploadTargetState, readonly UploadTargetState[]>;

/** Which target is to move. Each member that is given must still be so. */
export type TargetBefore<State extends UploadTargetState> = FindOptionsWhere<UploadTargetRow> & {
  organizationId: string;
  state: State;
};

/** Its members afterwards. Members that are left out stay. */
export type TargetAfter<State extends UploadTargetState> = Partial<
  Pick<
    UploadTargetRow,
    | 'acceptingUntil'
    | 'expiresAt'
    | 'attempt'
    | 'beat'
    | 'md5'
    | 'sha256'
    | 'utf8'
    | 'size'
    | 'deferred'
    | 'received'
    | 'place'
  >
> & { state: (typeof transitions)[State][number] };

/**
 * Moves one upload target to its next state, in one conditional update. False: it was not, or no longer, as `before` says, and
 * nothing has changed.
 */
export async function moveTarget<State extends UploadTargetState>(
  manager: EntityManager,
  before: TargetBefore<State>,
  after: TargetAfter<State>,
): Promise<boolean> {
  const { organizationId } = before;
  const { affected } = await manager.update(UploadTargetRow, { ...before, organizationId }, after);
  return affected === 1;
}

/** For `TargetBefore`: exactly as the row was read, its lease included. */
export function unchanged<State extends UploadTargetState>({
  id,
  organizationId,
  state,
  acceptingUntil,
}: UploadTargetRow & { state: State }): TargetBefore<State> {
  return {
    id,
    organizationId,
    state,
    acceptingUntil: acceptingUntil === null ? IsNull() : at(acceptingUntil),
  };
}

/**
 * Marks a target as finished, now that its bytes are whole at their key. Whoever asks for the bytes meanwhile may have done so
 * first, used them, and deleted them with their target. If the bytes have come late, or in many requests, the day for their attachment
 * begins now. `digests` are of bytes that the caller has stored itself.
 * Returns whether the target is there.
 */
export async function finishTarget(
  manager: EntityManager,
  { id, organizationId, expiresAt, protocol }: UploadTargetRow,
  now: Date,
  digests: (Digests & { isUtf8: boolean }) | null = null,
): Promise<boolean> {
  const isLate = protocol !== 'PUT' || (expiresAt !== null && expiresAt < now);
  const finished = {
    state: 'FINISHED' as const,
    acceptingUntil: null,
    attempt: null,
    ...(digests ? { md5: digests.md5, sha256: digests.sha256, utf8: digests.isUtf8 } : {}),
    ...(isLate ? { expiresAt: now } : {}),
  };
  const ofState = <State extends UploadTargetState>(state: State) => ({ id, organizationId, state });
  if (!(await moveTarget(manager, ofState('RECEIVING'), finished)) && digests)
    await moveTarget(manager, ofState('OPEN'), finished);
  return manager.existsBy(UploadTargetRow, { id, organizationId });
}

/**
 * The finished target that the viewer's organization has this key from. Throws DOCUMENT_KEY_UNKNOWN for whatever key
 * is not from such a target, UPLOAD_NOT_FINISHED where its bytes have not all come yet.
 */
export async function findFinished(
  manager: EntityManager,
  { organizationId }: Viewer,
  documentKey: string,
): Promise<UploadTargetRow> {
  const target = await manager.findOneBy(UploadTargetRow, { organizationId, documentKey });
  if (!target || isPartial(target)) throw unknownKey();
  if (target.state === 'FINISHED') return target;
  throw fault('upload_not_finished', loc, 'Its bytes have not all come yet.');
}

/** Whether its bytes are only a part of another upload's: no attachment is made of them. */
export function isPartial({ terms }: UploadTargetRow): boolean {
  return terms?.concat === 'partial';
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
  const finished = { organizationId, documentKey, state: 'FINISHED' as const };
  const isThere = await moveTarget(manager, finished, { state: 'FINISHED', expiresAt: null });
  if (!isThere) throw unknownKey();
}

function unknownKey(): AttachmentError {
  return fault('document_key_unknown', loc, 'There is no such document key.');
}

/** Throws FORBIDDEN for an upload that was made by an API key which has ended. */
export async function assertMakersKey(
  { isKeyGood }: { isKeyGood(keyId: string): Promise<boolean> },
  { terms }: Pick<UploadTargetRow, 'terms'>,
): Promise<void> {
  if (!terms || terms.keyId === null || (await isKeyGood(terms.keyId))) return;
  const msg = 'The credential that made this upload has ended.';
  throw fault('signature_revoked', [], msg, { message: msg });
}
