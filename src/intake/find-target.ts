import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { Storage } from '../storage/storage.js';
import { uploadTargetLifetimeMs } from './create-upload-target.js';

/** A target, and how far it is. */
export type UploadTargetProgress = Omit<UploadTargetRow, 'state' | 'expiresAt'> & {
  state: UploadTargetRow['state'] | 'EXPIRED';
  /** From then on it takes no bytes. */
  expiresAt: Date;
};

/** The progress that a row tells of, without asking the store. */
export function progressOf(target: UploadTargetRow, now: Date): UploadTargetProgress {
  const { state, protocol, createdAt, received, size } = target;
  const ofPut = new Date(createdAt.getTime() + uploadTargetLifetimeMs);
  const expiresAt = protocol === 'PUT' ? ofPut : (target.expiresAt ?? ofPut);
  const isExpired = state !== 'FINISHED' && expiresAt <= now;
  return {
    ...target,
    expiresAt,
    received: state === 'FINISHED' ? size : received,
    state: isExpired ? 'EXPIRED' : state,
  };
}

export interface FindTargetDependencies {
  database: Pick<Database, 'read'>;
  storage: Pick<Storage, 'direct'>;
  clock: () => Date;
}

/** A target that the viewer has made; null where there is none. Bytes that were sent to the store itself count, too. */
export async function findTarget(
  { database, storage, clock }: FindTargetDependencies,
  { organizationId, principal }: Viewer,
  documentKey: string,
): Promise<UploadTargetProgress | null> {
  const mine = { organizationId, principalId: principal.id, documentKey };
  const target = await database.read.findOneBy(UploadTargetRow, mine);
  if (!target) return null;
  const progress = progressOf(target, clock());
  const isSentToStore = target.protocol === 'PUT' && target.state !== 'FINISHED' && storage.direct !== null;
  const sent = isSentToStore ? await storage.direct?.incoming(documentKey) : null;
  return sent ? { ...progress, received: sent.size } : progress;
}
