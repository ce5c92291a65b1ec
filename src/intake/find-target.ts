import type { Viewer } from '../auth/viewer.js';
import type { Database } from '../database/database.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import type { DirectAccess, Storage } from '../storage/storage.js';
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
  const received = storage.direct ? await sizeSent(storage.direct, target) : null;
  return { ...progress, received: received ?? progress.received };
}

/** Bytes that the store has; null unless they are sent to the store itself, and on their way. */
async function sizeSent(
  direct: DirectAccess,
  { documentKey, protocol, state, place }: UploadTargetRow,
): Promise<number | null> {
  if (state === 'FINISHED' || protocol === 'TUS') return null;
  if (protocol === 'PUT') return (await direct.incoming(documentKey))?.size ?? null;
  const parts = place === null ? null : await direct.parts.list(documentKey, place);
  return parts?.reduce((sum, { size }) => sum + size, 0) ?? null;
}
