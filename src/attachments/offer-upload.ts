import type { UploadTargetRow } from '../database/entities/upload-target.js';
import type { DirectUploadTarget, Storage } from '../storage/storage.js';
import { uploadTargetLifetimeMs } from './create-upload-target.js';

export interface OfferUploadDependencies {
  storage: Pick<Storage, 'direct'>;
  /** Where the bytes of a target can be sent to us. */
  uploadUrl(targetId: string): string;
}

/** Where the bytes of a target are to be sent, and with which headers: to the store itself where it takes them. */
export async function offerUpload(
  { storage: { direct }, uploadUrl }: OfferUploadDependencies,
  { id, documentKey, size, contentType, createdAt }: UploadTargetRow,
): Promise<DirectUploadTarget> {
  if (direct === null || size > direct.maxSize) {
    return { url: uploadUrl(id), headers: { 'Content-Type': contentType, 'Content-Length': String(size) } };
  }
  const validity = { from: createdAt, seconds: uploadTargetLifetimeMs / 1_000 };
  return direct.uploadTarget(documentKey, { size, contentType, validity });
}
