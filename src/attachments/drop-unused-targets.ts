import type { Database } from '../database/database.js';
import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { before } from '../database/instants.js';

/** A finished target gets a day for its attachment to be made; one that is late with its bytes gets none. */
const finishedGraceMs = 24 * 60 * 60 * 1_000;
const batchSize = 500;

/** For `where`: upload targets that nobody can use any more. */
export const isUnused = (now: Date) => ({ expiresAt: before(new Date(now.getTime() - finishedGraceMs)) });

/** Deletes unused upload targets; the bytes they have brought are due then. */
export async function dropUnusedTargets(database: Database, now: Date): Promise<void> {
  for (;;) {
    const late = await database.read.find(UploadTargetRow, {
      where: isUnused(now),
      order: { expiresAt: 'ASC', id: 'ASC' },
      take: batchSize,
    });
    for (const { id, documentKey } of late) {
      await database.write(async (manager) => {
        const { affected } = await manager.delete(UploadTargetRow, { id, ...isUnused(now) });
        if (affected === 1) await manager.insert(RemovalRow, { documentKey, createdAt: now });
      });
    }
    if (late.length < batchSize) return;
  }
}
