import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { AttachmentRow } from '../database/entities/attachment.js';
import { BlobRow } from '../database/entities/blob.js';
import { before } from '../database/instants.js';
import type { Changes } from './changes.js';
import { type DeleteRowsDependencies, deleteRows } from './delete-rows.js';
import { describeChanges } from './describe-changes.js';
import { recordDeletion } from './record-deletion.js';

export interface PurgeExpiredDependencies extends DeleteRowsDependencies {
  database: Database;
  clock: () => Date;
  changes: Changes;
}

const batchSize = 500;

/** Deletes attachments that were neither claimed nor linked in time; bytes that nothing uses any more are due then. Returns how many. */
export async function purgeExpired(deps: PurgeExpiredDependencies): Promise<number> {
  const { database, clock } = deps;
  let purged = 0;
  for (;;) {
    const now = clock();
    const late = await database.read.find(AttachmentRow, {
      select: { id: true },
      where: { expiresAt: before(now) },
      order: { expiresAt: 'ASC', id: 'ASC' },
      take: batchSize,
    });
    for (const { id } of late) purged += (await purgeOne(deps, id, now)) ? 1 : 0;
    if (late.length < batchSize) return purged;
  }
}

/** A claim or link that came first has taken the expiry away: then it stays. */
async function purgeOne(deps: PurgeExpiredDependencies, id: string, now: Date): Promise<boolean> {
  const changed = await deps.database.write(async (manager) => {
    const expired = await findExpired(manager, id, now);
    if (!expired) return null;
    const gone = await describeChanges(manager, [expired.attachment]);
    await recordDeletion(manager, null, expired.attachment, now);
    await deleteRows(deps, manager, expired, now);
    return gone;
  });
  if (changed) deps.changes.publish(changed);
  return changed !== null;
}

async function findExpired(manager: EntityManager, id: string, now: Date) {
  const expired = { id, expiresAt: before(now) };
  // The update takes the row's lock, so that a claim under way is either seen or has to wait.
  const { affected } = await manager.update(AttachmentRow, expired, { updatedAt: now });
  if (affected !== 1) return null;
  const attachment = await manager.findOneByOrFail(AttachmentRow, { id });
  return { attachment, blob: await manager.findOneByOrFail(BlobRow, { id: attachment.blobId }) };
}
