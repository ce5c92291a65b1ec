import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError } from '../errors.js';
import { findAttachment, mayDownload, readStored } from '../model/stored-attachment.js';

export interface Download {
  id: string;
  organizationId: string;
  fileName: string;
  contentType: string;
  size: number;
  sha256: string;
  charset: string | null;
  documentKey: string;
  createdAt: Date;
}

/**
 * Finds the rows to send an attachment's bytes by; null if there are none or the viewer may not see them. Without a viewer a
 * signature has vouched for the request, and only approved bytes leave. Throws NOT_APPROVED.
 */
export async function findDownload(
  manager: EntityManager,
  id: string,
  viewer: Viewer | null,
): Promise<Download | null> {
  const stored = viewer ? await findAttachment(manager, viewer, id) : (await readStored(manager, [id]))[0];
  if (!stored) return null;
  const { attachment, blob } = stored;
  const permitted = viewer ? mayDownload(viewer, stored) : blob.verdict === 'APPROVED';
  if (!permitted) throw new AttachmentError('NOT_APPROVED');
  const { organizationId, fileName, contentType, size, createdAt } = attachment;
  const { sha256, charset, documentKey } = blob;
  return { id, organizationId, fileName, contentType, size, sha256, charset, documentKey, createdAt };
}
