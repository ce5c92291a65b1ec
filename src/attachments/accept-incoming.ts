import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow, type UploadTargetState } from '../database/entities/upload-target.js';
import type { Storage } from '../storage/storage.js';

export interface AcceptIncomingDependencies {
  database: Database;
  storage: Pick<Storage, 'direct'>;
}

/**
 * Finishes a target whose bytes have been sent to the store itself, where they have come. Of several at once one does so; a
 * crash meanwhile leaves the target unusable, never with bytes that could still be exchanged. Throws STORAGE_UNAVAILABLE.
 */
export async function acceptIncoming(
  { database, storage: { direct } }: AcceptIncomingDependencies,
  { organizationId }: Viewer,
  documentKey: string,
): Promise<void> {
  if (direct === null) return;
  const target = await database.read.findOneBy(UploadTargetRow, {
    organizationId,
    documentKey,
    state: 'OPEN',
  });
  if (!target || (await direct.incomingSize(documentKey)) !== target.size) return;
  const change = async (from: UploadTargetState, state: UploadTargetState) => {
    const { affected } = await database.write((manager) =>
      manager.update(UploadTargetRow, { id: target.id, state: from }, { state }),
    );
    return affected === 1;
  };
  if (!(await change('OPEN', 'RECEIVING'))) return;
  try {
    await direct.accept(documentKey);
  } catch (error) {
    await change('RECEIVING', 'OPEN').catch(() => undefined);
    throw error;
  }
  await change('RECEIVING', 'FINISHED');
}
