import type { EntityManager } from 'typeorm';
import { changeRows, Parameters } from './read-rows.js';
import { hasRowLocks } from './row-locks.js';

/*
 * Previews, made of blobs on demand, and those that could not be made. The database deletes them with their blob, and counts their
 * bytes (see quotas/usage.ts). The table has no entity, since engines have no common name for the type of bytes.
 */

export interface PreviewKey {
  blobId: string;
  variant: string;
}

export interface NewPreview extends PreviewKey {
  organizationId: string;
  madeAt: Date;
  /** Null if it costs too much to make. */
  body: Uint8Array | null;
}

/** Inserts a preview of a blob that is there, in the place of an earlier one. */
export async function writePreview(
  manager: EntityManager,
  { blobId, variant, organizationId, madeAt, body }: NewPreview,
): Promise<void> {
  await changeRows(
    manager,
    (parameters) =>
      `DELETE FROM previews WHERE blob_id = ${parameters.add(blobId)} AND variant = ${parameters.add(variant)}`,
  );
  const sql = new Parameters(manager);
  const cells = [blobId, variant, organizationId, madeAt.getTime(), body?.byteLength ?? 0, body];
  await manager.query(
    `INSERT INTO previews (blob_id, variant, organization_id, made_at, size, body)
     VALUES (${cells.map((cell) => sql.add(cell)).join(', ')}) ON CONFLICT DO NOTHING`,
    sql.values,
  );
}

/** The preview, whose body is null if it could not be made; null if nobody has tried. */
export async function readPreview(
  manager: EntityManager,
  { blobId, variant }: PreviewKey,
): Promise<{ body: Uint8Array | null; madeAt: Date } | null> {
  const sql = new Parameters(manager);
  const [found] = await manager.query<{ body: Uint8Array | null; made_at: number | string }[]>(
    `SELECT body, made_at FROM previews
     WHERE blob_id = ${sql.add(blobId)} AND variant = ${sql.add(variant)}`,
    sql.values,
  );
  return found ? { body: found.body, madeAt: new Date(Number(found.made_at)) } : null;
}

/** Previews that are looked at in one statement. */
const batchSize = 500;

/** Deletes an organization's oldest previews until so many bytes are free, or all are gone. */
export async function dropPreviews(
  manager: EntityManager,
  organizationId: string,
  bytes: number,
): Promise<void> {
  for (let missing = bytes; missing > 0; ) {
    const sql = new Parameters(manager);
    // Whoever has locked one is deleting it.
    const unlocked = hasRowLocks(manager) ? ' FOR UPDATE SKIP LOCKED' : '';
    const oldest = await manager.query<{ blob_id: string; variant: string; size: number }[]>(
      `SELECT blob_id, variant, size FROM previews WHERE organization_id = ${sql.add(organizationId)}
       ORDER BY made_at LIMIT ${batchSize}${unlocked}`,
      sql.values,
    );
    const dropped: [string, string][] = [];
    for (const { blob_id: blobId, variant, size } of oldest) {
      if (missing <= 0) break;
      missing -= size;
      dropped.push([blobId, variant]);
    }
    if (dropped.length === 0) return;
    await changeRows(
      manager,
      (parameters) => `DELETE FROM previews WHERE ${parameters.areOneOf(['blob_id', 'variant'], dropped)}`,
    );
  }
}
