import type { EntityManager } from 'typeorm';
import { Parameters } from './read-rows.js';
import { readShared } from './shared-reads.js';

/*
 * The bytes of small blobs, in a table beside their rows: they come in the transaction that inserts a blob, and the database
 * deletes them with it. The table has no entity, since engines have no common name for the type of bytes.
 */

/** Bytes of a blob that are kept with its row. */
export interface BlobBody {
  blobId: string;
  body: Uint8Array;
}

/** The bodies one after the other, and of each the id of its blob, its start, counted from 1, and its length. */
export function joinBodies(bodies: readonly BlobBody[]): {
  bytes: Buffer;
  spans: [string, number, number][];
} {
  // Before them stands a byte: no bytes at all would be NULL.
  const parts: Uint8Array[] = [Buffer.alloc(1)];
  let end = 1;
  const spans = bodies.map(({ blobId, body }): [string, number, number] => {
    const start = end + 1;
    parts.push(body);
    end += body.byteLength;
    return [blobId, start, body.byteLength];
  });
  return { bytes: Buffer.concat(parts), spans };
}

/** Inserts the bytes of a blob that is there. Another body of the blob is replaced. */
export async function writeBody(manager: EntityManager, { blobId, body }: BlobBody): Promise<void> {
  const [one, other] = placeholders(manager, 2);
  const sql = `INSERT INTO blob_bodies (blob_id, body) VALUES (${one}, ${other})
    ON CONFLICT (blob_id) DO UPDATE SET body = excluded.body`;
  await manager.query(sql, [blobId, body]);
}

/** Bodies in one statement that requests share, and the bytes of each: longer ones have a statement of their own. */
const sharedBodies = { maxIds: 16 };
const maxShared = 64 * 1024;

/** The bytes of a blob, which nobody may change; null if they are not kept with its row. */
export async function readBody(manager: EntityManager, blobId: string): Promise<Uint8Array | null> {
  const read = async (ids: readonly string[]) => {
    const column = `CASE WHEN length(body) <= ${maxShared} THEN body END`;
    return new Map((await selectBodies(manager, column, ids)).map((found) => [found.blobId, found]));
  };
  const [found] = await readShared(manager, 'bodies', [blobId], read, sharedBodies);
  if (!found) return null;
  if (found.body) return found.body;
  const [alone] = await readBodies(manager, [blobId]);
  return alone?.body ?? null;
}

/** The bodies of those of the blobs that have one, in no order. */
export async function readBodies(manager: EntityManager, blobIds: readonly string[]): Promise<BlobBody[]> {
  return selectBodies<BlobBody>(manager, 'body', blobIds);
}

function selectBodies<Found = { blobId: string; body: Uint8Array | null }>(
  manager: EntityManager,
  column: string,
  blobIds: readonly string[],
): Promise<Found[]> {
  const sql = new Parameters(manager);
  const condition = sql.isOneOf('blob_id', blobIds);
  return manager.query<Found[]>(
    `SELECT blob_id AS "blobId", ${column} AS body FROM blob_bodies WHERE ${condition}`,
    sql.values,
  );
}

/** Those of the blobs whose bytes are kept with their rows. */
export async function blobsWithBody(
  manager: EntityManager,
  blobIds: readonly string[],
): Promise<Set<string>> {
  if (blobIds.length === 0) return new Set();
  const sql = `SELECT blob_id AS "blobId" FROM blob_bodies WHERE blob_id IN (${placeholders(manager, blobIds.length)})`;
  const rows = await manager.query<{ blobId: string }[]>(sql, [...blobIds]);
  return new Set(rows.map(({ blobId }) => blobId));
}

/** How many bytes of the blob are kept with its row; null if none are. */
export async function bodySize(manager: EntityManager, blobId: string): Promise<number | null> {
  const sql = `SELECT length(body) AS size FROM blob_bodies WHERE blob_id = ${placeholders(manager, 1)}`;
  const [found] = await manager.query<{ size: number }[]>(sql, [blobId]);
  return found?.size ?? null;
}

/** Bodies in batches, by the ids of their blobs. */
export async function* allBodies(manager: EntityManager, batchSize: number): AsyncGenerator<BlobBody[]> {
  const [after] = placeholders(manager, 1);
  const sql = `SELECT blob_id AS "blobId", body FROM blob_bodies WHERE blob_id > ${after}
    ORDER BY blob_id LIMIT ${batchSize}`;
  for (let last = ''; ; ) {
    const batch = await manager.query<BlobBody[]>(sql, [last]);
    if (batch.length > 0) yield batch;
    if (batch.length < batchSize) return;
    last = batch.at(-1)?.blobId ?? last;
  }
}

function placeholders({ connection }: EntityManager, count: number): string[] {
  return Array.from({ length: count }, (_, index) => connection.driver.createParameter('value', index));
}
