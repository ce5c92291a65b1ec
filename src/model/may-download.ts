import type { Viewer } from '../auth/viewer.js';
import type { Verdict } from '../database/entities/blob.js';
import type { StoredAttachment } from './stored-attachment.js';

/**
 * Whether the viewer may make another attachment of the bytes, which is its own then: while they have no verdict, that would
 * show them to it. What has been rejected stays so in every attachment.
 */
export function mayCopy(viewer: Viewer, verdict: Verdict, broughtById: string): boolean {
  return verdict === 'APPROVED' || verdict === 'REJECTED' || broughtById === viewer.principal.id;
}

/** Whether the bytes of an attachment that the viewer sees may go to it: approved ones to all, rejected ones to nobody. */
export function mayDownload(viewer: Viewer, { attachment, blob }: StoredAttachment): boolean {
  switch (blob.verdict) {
    case 'APPROVED':
      return true;
    case 'REJECTED':
      return false;
    case 'PENDING':
    case 'SCAN_FAILED':
      return attachment.createdById === viewer.principal.id;
  }
}
