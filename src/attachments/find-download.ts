import type { EntityManager } from 'typeorm';
import type { Viewer } from '../auth/viewer.js';
import { AttachmentError } from '../errors.js';
import {
  assertWhole,
  findAttachment,
  mayDownload,
  readStored,
  type StoredAttachment,
} from '../model/stored-attachment.js';
import { readVersions, versionsOf, withContent } from '../model/versions.js';

/** A file whose bytes may leave. Its bytes never change. `size` is in bytes, `sha256` in lowercase hexadecimal. */
export interface DownloadableFile {
  id: string;
  organizationId: string;
  fileName: string;
  contentType: string;
  size: number;
  sha256: string;
  /** The encoding of text; null where it is not known. */
  charset: string | null;
  documentKey: string;
  createdAt: Date;
  /** Whether it has taken the place of other content, perhaps in the second of `createdAt`. */
  isReplacement: boolean;
}

/**
 * Finds the rows to send an attachment's bytes by; null if there are none or the viewer may not see them. Without a viewer a
 * signature has vouched for the request, and only approved bytes leave. Throws NOT_APPROVED, DAMAGED.
 */
export async function findDownload(
  manager: EntityManager,
  id: string,
  viewer: Viewer | null,
): Promise<DownloadableFile | null> {
  const stored = viewer ? await findAttachment(manager, viewer, id) : (await readStored(manager, [id]))[0];
  if (!stored) return null;
  const permitted = viewer ? mayDownload(viewer, stored) : stored.blob.verdict === 'APPROVED';
  if (!permitted) throw new AttachmentError('NOT_APPROVED');
  assertWhole(stored.blob);
  return toDownload(stored);
}

/** The facts that bytes are sent by. Whether they may leave is the caller's to know. */
export function toDownload({ attachment, blob }: StoredAttachment): DownloadableFile {
  const { id, organizationId, fileName, contentType, size, version } = attachment;
  // A content that has replaced another one is newer than the attachment.
  const isReplacement = version > 1;
  const createdAt = isReplacement ? attachment.updatedAt : attachment.createdAt;
  const { sha256, charset, documentKey } = blob;
  return {
    ...{ id, organizationId, fileName, contentType, size, sha256, charset, documentKey },
    ...{ createdAt, isReplacement },
  };
}

/**
 * Finds the rows to send one content of an attachment by, for which a signature has vouched; null if it is not kept any more.
 * Throws NOT_APPROVED, DAMAGED.
 */
export async function findContent(
  manager: EntityManager,
  id: string,
  contentId: string,
): Promise<DownloadableFile | null> {
  const [stored] = await readStored(manager, [id]);
  if (!stored) return null;
  const versions = versionsOf(stored, await readVersions(manager, stored.attachment, [id]));
  const found = versions.find(({ version }) => version.id === contentId);
  if (!found) return null;
  if (found.blob.verdict !== 'APPROVED') throw new AttachmentError('NOT_APPROVED');
  assertWhole(found.blob);
  const attachment = withContent(stored.attachment, found.version);
  // No other content ever comes by its URL.
  const own = { createdAt: found.version.createdAt, isReplacement: false };
  return { ...toDownload({ attachment, blob: found.blob }), ...own };
}

/**
 * Finds the rows of a preview's attachment, for which a signature has vouched; null if there are none, or other content by now.
 * Throws NOT_APPROVED, DAMAGED.
 */
export async function findPreviewed(
  manager: EntityManager,
  id: string,
  blobId: string,
): Promise<StoredAttachment | null> {
  const [stored] = await readStored(manager, [id]);
  if (stored?.blob.id !== blobId) return null;
  if (stored.blob.verdict !== 'APPROVED') throw new AttachmentError('NOT_APPROVED');
  assertWhole(stored.blob);
  return stored;
}
