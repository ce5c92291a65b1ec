import type { EntityManager } from 'typeorm';
import { AttachmentRow } from '../database/entities/attachment.js';
import { unlinkEverywhere } from './unlink-everywhere.js';

/** Takes a rejected attachment out of its fields; from the last of them it enters its retention, as if it had been unlinked. */
export async function dropFromFields(
  manager: EntityManager,
  { id, organizationId }: AttachmentRow,
  { now, retentionMs }: { now: Date; retentionMs: number },
): Promise<void> {
  const count = await unlinkEverywhere(manager, id);
  if (count === 0 || retentionMs === 0) return;
  await manager.update(
    AttachmentRow,
    { id, organizationId },
    { expiresAt: new Date(now.getTime() + retentionMs) },
  );
}
