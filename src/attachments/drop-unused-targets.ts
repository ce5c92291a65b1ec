import { MoreThan } from 'typeorm';
import type { Database } from '../database/database.js';
import { IntakeRow } from '../database/entities/intake.js';
import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { before } from '../database/instants.js';
import type { IntakeLeases } from './intake-leases.js';

export interface DropUnusedTargetsDependencies {
  database: Database;
  leases: Pick<IntakeLeases, 'isHeld'>;
}

/** A finished target gets a day for its attachment to be made; one that is late with its bytes gets none. */
const finishedGraceMs = 24 * 60 * 60 * 1_000;
const batchSize = 500;

/** For `where`: upload targets that nobody can use any more. */
export const isUnused = (now: Date) => ({ expiresAt: before(new Date(now.getTime() - finishedGraceMs)) });

/** Deletes unused upload targets, but for those whose bytes are on their way; the bytes they have brought are due then. */
export async function dropUnusedTargets(
  { database, leases }: DropUnusedTargetsDependencies,
  now: Date,
): Promise<void> {
  for (let after = ''; ; ) {
    const late = await database.read.find(UploadTargetRow, {
      where: { id: MoreThan(after), ...isUnused(now) },
      order: { id: 'ASC' },
      take: batchSize,
    });
    for (const { id, documentKey } of late) {
      after = id;
      if (leases.isHeld(documentKey)) continue;
      await database.write(async (manager) => {
        if (await manager.existsBy(IntakeRow, { documentKey })) return;
        const { affected } = await manager.delete(UploadTargetRow, { id, ...isUnused(now) });
        if (affected === 1) await manager.insert(RemovalRow, { documentKey, createdAt: now });
      });
    }
    if (late.length < batchSize) return;
  }
}
