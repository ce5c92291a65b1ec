import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import type { Storage } from '../storage/storage.js';
import { condemnKeys } from './condemn-keys.js';
import type { Intake } from './intake.js';
import type { IntakeLeases } from './intake-leases.js';

export interface DiscardIntakeDependencies {
  database: Database;
  storage: Storage;
  clock: () => Date;
  leases: Pick<IntakeLeases, 'release'>;
}

/**
 * Ends an intake, once its request has ended: removes bytes that no attachment came to use. Where in doubt it asks the rows:
 * they alone know. Room that is still reserved is given back. Bytes that cannot be removed now stay due.
 */
export async function discardIntake(
  deps: DiscardIntakeDependencies,
  { blobId, documentKey, body, used, reservation }: Intake,
): Promise<void> {
  await reservation?.release();
  if (body) return;
  const { database, storage, leases, clock } = deps;
  try {
    if (used || (await database.read.existsBy(BlobRow, { id: blobId }))) return;
    await storage.remove(documentKey);
  } catch (error) {
    // The sweep may have been over their hour already.
    await leases.release(documentKey);
    await condemnKeys(database.write, [documentKey], clock()).catch(() => undefined);
    throw error;
  } finally {
    await leases.release(documentKey);
  }
}
