import type { EntityManager } from 'typeorm';

/*
 * The bytes of small blobs, in a table beside their rows: they come in the transaction that inserts a blob, and the database
 * deletes them with it. The table has no entity, since engines have no common name for the type of bytes.
 */

/** Bytes of a blob that are kept with its row. */
export interface BlobBody {
  blobId: string;
  body: Uint8Array;
}

/** Inserts the bytes of a blob that is there. Another body of the blob is replaced. */
export async function writeBody(manager: EntityManager, { blobId, body }: BlobBody): Promise<void> {
  const [one, other] = places(manager, 2);
  const sql = `INSERT INTO blob_bodies (blob_id, body) VALUES (${one}, ${other})
    ON CONFLICT (blob_id) DO UPDATE SET body = excluded.body`;
  await manager.query(sql, [blobId, body]);
}

/** The bytes of a blob; null if they are not kept with its row. */
export async function readBody(manager: EntityManager, blobId: string): Promise<Uint8Array | null> {
  const [found] = await readBodies(manager, [blobId]);
  return found?.body ?? null;
}

/** The bodies of those of the blobs that have one, in no order. */
export async function readBodies(manager: EntityManager, blobIds: readonly string[]): Promise<BlobBody[]> {
  const sql = `SELECT blob_id AS "blobId", body FROM blob_bodies WHERE blob_id IN (${places(manager, blobIds.length)})`;
  return manager.query<BlobBody[]>(sql, [...blobIds]);
}

/** Those of the blobs whose bytes are kept with their rows. */
export async function blobsWithBody(
  manager: EntityManager,
  blobIds: readonly string[],
): Promise<Set<string>> {
  if (blobIds.length === 0) return new Set();
  const sql = `SELECT blob_id AS "blobId" FROM blob_bodies WHERE blob_id IN (${places(manager, blobIds.length)})`;
  const rows = await manager.query<{ blobId: string }[]>(sql, [...blobIds]);
  return new Set(rows.map(({ blobId }) => blobId));
}

/** How many bytes of the blob are kept with its row; null if none are. */
export async function bodySize(manager: EntityManager, blobId: string): Promise<number | null> {
  const sql = `SELECT length(body) AS size FROM blob_bodies WHERE blob_id = ${places(manager, 1)}`;
  const [found] = await manager.query<{ size: number }[]>(sql, [blobId]);
  return found?.size ?? null;
}

/** Bodies in batches, by the ids of their blobs. */
export async function* allBodies(manager: EntityManager, batchSize: number): AsyncGenerator<BlobBody[]> {
  const [after] = places(manager, 1);
  const sql = `SELECT blob_id AS "blobId", body FROM blob_bodies WHERE blob_id > ${after}
    ORDER BY blob_id LIMIT ${batchSize}`;
  for (let last = ''; ; ) {
    const batch = await manager.query<BlobBody[]>(sql, [last]);
    if (batch.length > 0) yield batch;
    if (batch.length < batchSize) return;
    last = batch.at(-1)?.blobId ?? last;
  }
}

function places({ connection }: EntityManager, count: number): string[] {
  return Array.from({ length: count }, (_, index) => connection.driver.createParameter('value', index));
}
