import type { EntityManager } from 'typeorm';

/*
 * The bytes of previews, made of blobs on demand. The database deletes them with their blob. The table has no entity, since
 * engines have no common name for the type of bytes.
 */

export interface PreviewBody {
  blobId: string;
  variant: string;
  body: Uint8Array;
}

/** Inserts a preview of a blob that is there, unless it has one of this variant. */
export async function writePreview(
  manager: EntityManager,
  { blobId, variant, body }: PreviewBody,
): Promise<void> {
  const { driver } = manager.connection;
  const places = [0, 1, 2].map((index) => driver.createParameter('value', index));
  await manager.query(
    `INSERT INTO previews (blob_id, variant, body) VALUES (${places.join(', ')}) ON CONFLICT DO NOTHING`,
    [blobId, variant, body],
  );
}

/** The preview's bytes; null if it has not been made. */
export async function readPreview(
  manager: EntityManager,
  blobId: string,
  variant: string,
): Promise<Uint8Array | null> {
  const { driver } = manager.connection;
  const [one, other] = [0, 1].map((index) => driver.createParameter('value', index));
  const [found] = await manager.query<{ body: Uint8Array }[]>(
    `SELECT body FROM previews WHERE blob_id = ${one} AND variant = ${other}`,
    [blobId, variant],
  );
  return found?.body ?? null;
}
