import type { Viewer } from '../auth/viewer.js';
import type { StoredAttachment } from './stored-attachment.js';

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
