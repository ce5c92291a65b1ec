import type { EntityManager } from 'typeorm';
import { RejectionRow } from '../database/entities/rejection.js';
import type { StoredAttachment } from './stored-attachment.js';
import type { VerdictListener } from './verdict-listener.js';

/** Tells of an attachment's verdict that was there before it was; of none where there is none yet. */
export async function announceVerdict(
  verdicts: VerdictListener,
  manager: EntityManager,
  stored: StoredAttachment,
  now: Date,
): Promise<void> {
  const { id: blobId, verdict } = stored.blob;
  if (verdict !== 'APPROVED' && verdict !== 'REJECTED') return;
  const rejection = verdict === 'REJECTED' ? await manager.findOneBy(RejectionRow, { blobId }) : null;
  await verdicts.announce(manager, { ...stored, rejection }, now);
}
