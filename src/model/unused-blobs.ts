import type { EntityManager } from 'typeorm';
import { blobsWithBody } from '../database/blob-bodies.js';
import { BlobRow } from '../database/entities/blob.js';
import { RemovalRow } from '../database/entities/cleaning.js';
import { insertRows } from '../database/insert-row.js';
import { changeRows, readRows } from '../database/read-rows.js';
import { lockRows } from '../database/row-locks.js';
import { mayBeInlined } from '../storage/document-key.js';

/** A condition on a blob as `row`: no attachment uses it, in the trash or as an earlier content neither. */
const isUnused = ['attachments', 'trashed_attachments', 'attachment_versions']
  .map((table) => `NOT EXISTS (SELECT 1 FROM ${table} WHERE ${table}.blob_id = "row".id)`)
  .join(' AND ');

/**
 * Keeps others from using these blobs or deleting them until the transaction ends: of two who delete the last two uses of a blob
 * at the same time, the second must see that its own is the last.
 */
export async function lockBlobs(manager: EntityManager, blobIds: readonly string[]): Promise<void> {
  await lockRows(manager, BlobRow, [...new Set(blobIds)], 'UPDATE');
}

/**
 * Deletes those of these blobs, all of them locked, that nothing uses any more, with the targets that brought them. Returns the
 * keys of bytes that do not go with them: their removal is noted as due.
 */
export async function deleteUnusedBlobs(
  manager: EntityManager,
  blobIds: readonly string[],
  now: Date,
): Promise<string[]> {
  const documentKeys = await deleteUnused(manager, blobIds);
  if (documentKeys.length > 0)
    await changeRows(
      manager,
      (sql) => `DELETE FROM upload_targets WHERE ${sql.isOneOf('document_key', documentKeys)}`,
    );
  const removals = documentKeys.map((documentKey) => ({ documentKey, createdAt: now }));
  await insertRows(manager, RemovalRow, removals);
  return documentKeys;
}

async function deleteUnused(manager: EntityManager, blobIds: readonly string[]): Promise<string[]> {
  const unused = await readRows(manager, BlobRow, (sql) => `${sql.isOneOf('id', blobIds)} AND ${isUnused}`);
  const ids = unused.map(({ id }) => id);
  if (ids.length === 0) return [];
  const marked = unused.filter(({ documentKey }) => mayBeInlined(documentKey)).map(({ id }) => id);
  const inlined = await blobsWithBody(manager, marked);
  const deleted = await changeRows(
    manager,
    (sql) => `DELETE FROM blobs AS "row" WHERE ${sql.isOneOf('id', ids)} AND ${isUnused}`,
  );
  if (deleted !== ids.length) throw new Error('Somebody else uses one of these blobs.');
  return unused.filter(({ id }) => !inlined.has(id)).map(({ documentKey }) => documentKey);
}
