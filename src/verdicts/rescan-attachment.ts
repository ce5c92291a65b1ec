import { recordEvent } from '../audit/record-event.js';
import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import type { Jobs } from '../jobs/jobs.js';
import type { Changes } from '../model/changes.js';
import { findAttachment, notFound, type StoredAttachment } from '../model/stored-attachment.js';
import { writeVerdict } from './record-verdict.js';
import { queueScan } from './scan-blob.js';
import type { VerdictListener } from './verdict-listener.js';

export interface RescanAttachmentDependencies {
  database: Database;
  clock: () => Date;
  jobs: Pick<Jobs, 'enqueue'>;
  verdicts: VerdictListener;
  changes: Changes;
  unlinkedRetentionMs: number;
}

/**
 * Has the attachment's bytes scanned again. One whose scan had failed is PENDING until then; any other keeps its verdict
 * unless the scanner comes to another one. What has been released stays so. Throws NOT_FOUND.
 */
export async function rescanAttachment(
  deps: RescanAttachmentDependencies,
  viewer: Viewer,
  attachmentId: string,
): Promise<StoredAttachment> {
  const { stored, changed } = await deps.database.write(async (manager) => {
    const found = await findAttachment(manager, viewer, attachmentId);
    if (!found) throw notFound(['input', 'attachmentId']);
    const { id: blobId } = found.blob;
    const again = { blobId, from: 'SCAN_FAILED', to: { verdict: 'PENDING' } } as const;
    const judged = await writeVerdict(deps, manager, again);
    await queueScan(deps.jobs, manager, blobId);
    const rescan = { action: 'ATTACHMENT_RESCANNED', subjectId: attachmentId } as const;
    await recordEvent(manager, viewer, { ...rescan, at: deps.clock() });
    return { stored: (await findAttachment(manager, viewer, attachmentId)) ?? found, changed: judged };
  });
  if (changed) deps.changes.publish(changed);
  return stored;
}
