import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError } from '../errors.js';
import { readAttachmentsOfBlob, type StoredAttachment } from './stored-attachment.js';

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
  const blobId = documentKey.slice(documentKey.lastIndexOf('/') + 1);
  const made = await readAttachmentsOfBlob(database.read, viewer, blobId);
  const isShared = made.some(({ attachment }) => attachment.shared);
  if (target.principalId === principal.id && !isShared) return;
  if (!(await seesAny(made))) throw unknownKey();
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
  if (!target) throw unknownKey();
  if (target.state === 'FINISHED') return target;
  const msg = 'Its bytes have not all come yet.';
  throw new AttachmentError('UPLOAD_NOT_FINISHED', { details: [{ loc, msg, type: 'upload_not_finished' }] });
}

/**
 * Makes sure, in the transaction that comes to use the bytes, that they are still there: a deletion of the last attachment
 * that used them takes the target along.
 */
export async function assertFinished(
  manager: EntityManager,
  { organizationId }: Viewer,
  documentKey: string,
): Promise<void> {
  const { affected } = await manager.update(
    UploadTargetRow,
    { organizationId, documentKey, state: 'FINISHED' },
    { expiresAt: null },
  );
  if (affected !== 1) throw unknownKey();
}

function unknownKey(): AttachmentError {
  const msg = 'There is no such document key.';
  return new AttachmentError('DOCUMENT_KEY_UNKNOWN', {
    details: [{ loc, msg, type: 'document_key_unknown' }],
  });
}
