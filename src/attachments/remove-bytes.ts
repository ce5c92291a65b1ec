import { MoreThan } from 'typeorm';
import type { Database } from '../database/database.js';
import { RemovalRow } from '../database/entities/removal.js';
import type { Storage } from '../storage/storage.js';

export interface RemoveBytesDependencies {
  database: Database;
  storage: Pick<Storage, 'remove'>;
}

const batchSize = 500;

/** Removes the bytes of one deleted blob, whose removal has been committed as due. May be repeated. */
export async function removeBytes(
  { database, storage }: RemoveBytesDependencies,
  documentKey: string,
): Promise<void> {
  await storage.remove(documentKey);
  await database.write((manager) => manager.delete(RemovalRow, { documentKey }));
}

/**
 * Removes what a deletion, a crash or a failing storage has left due. Returns how many. What cannot be removed stays due and
 * holds no others up: all are tried before its fault is thrown.
 */
export async function removeDueBytes(deps: RemoveBytesDependencies): Promise<number> {
  const faults: unknown[] = [];
  for (let removed = 0, after = ''; ; ) {
    const due = await deps.database.read.find(RemovalRow, {
      where: { documentKey: MoreThan(after) },
      order: { documentKey: 'ASC' },
      take: batchSize,
    });
    for (const { documentKey } of due) {
      await removeBytes(deps, documentKey).catch((error: unknown) => faults.push(error));
      after = documentKey;
    }
    removed += due.length;
    if (due.length === batchSize) continue;
    if (faults.length > 0) throw faults[0];
    return removed;
  }
}
