import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { before } from '../database/instants.js';
import { type PurgeExpiredDependencies, purgeExpired } from './purge-expired.js';
import { forgetCreations } from './recall-creation.js';
import { type RemoveBytesDependencies, removeDueBytes } from './remove-bytes.js';
import { sweepStorage } from './sweep-storage.js';

export interface CleanUpDependencies extends RemoveBytesDependencies, PurgeExpiredDependencies {}

const batchSize = 500;

/** Removes what nobody can come to use any more: expired attachments, unused upload targets, outlived idempotency keys, bytes that are due or that no row names. */
export async function cleanUp(deps: CleanUpDependencies): Promise<void> {
  const now = deps.clock();
  await purgeExpired(deps);
  await dropUnusedTargets(deps, now);
  await forgetCreations(deps.database, now);
  await removeDueBytes(deps);
  await sweepStorage(deps, { lookBackMs: 0 });
}

/** A finished target gets a day for its attachment to be made; one that is late with its bytes gets none. */
const finishedGraceMs = 24 * 60 * 60 * 1_000;

async function dropUnusedTargets({ database }: CleanUpDependencies, now: Date): Promise<void> {
  const isLate = { expiresAt: before(new Date(now.getTime() - finishedGraceMs)) };
  for (;;) {
    const late = await database.read.find(UploadTargetRow, {
      where: isLate,
      order: { expiresAt: 'ASC', id: 'ASC' },
      take: batchSize,
    });
    for (const { id, documentKey } of late) {
      await database.write(async (manager) => {
        const { affected } = await manager.delete(UploadTargetRow, { id, ...isLate });
        if (affected === 1) await manager.insert(RemovalRow, { documentKey, createdAt: now });
      });
    }
    if (late.length < batchSize) return;
  }
}
