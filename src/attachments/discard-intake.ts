import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import type { Storage } from '../storage/storage.js';
import type { Intake } from './intake.js';

export interface DiscardIntakeDependencies {
  database: Database;
  storage: Storage;
}

/** Removes bytes that were taken in and that no attachment came to use. Where in doubt it asks the rows: they alone know. */
export async function discardIntake(
  { database, storage }: DiscardIntakeDependencies,
  { blobId, documentKey, used }: Intake,
): Promise<void> {
  if (used || (await database.read.existsBy(BlobRow, { id: blobId }))) return;
  await storage.remove(documentKey);
}
