import type { EntityManager } from 'typeorm';
import { type Actor, recordEvents } from '../audit/record-event.js';
import type { Database } from '../database/database.js';
import { IntakeRow, RemovalRow } from '../database/entities/cleaning.js';
import { changeRows } from '../database/read-rows.js';
import { In, MoreThan } from '../database/typeorm.js';
import type { Write } from '../database/write-queue.js';
import { unlinkEverywhere } from '../links/unlink-everywhere.js';
import { type StoredAttachment, tableName, tableOf } from '../model/stored-attachment.js';
import { deleteUnusedBlobs, lockBlobs } from '../model/unused-blobs.js';
import { deleteVersions, readVersionRows } from '../model/versions.js';
import type { Storage } from '../storage/storage.js';
import type { VerdictWebhooks } from '../verdicts/verdict-webhooks.js';

export interface DeleteRowsDependencies {
  webhooks: Pick<VerdictWebhooks, 'forget'>;
}

/**
 * Deletes attachments, in use or in the trash, with their links and earlier contents, inside the caller's transaction, which keeps
 * others from the attachments. Returns the keys of the bytes that nothing uses any more: their removal is then noted as due, for
 * `removeBytes` to carry out after the commit.
 */
export async function deleteRows(
  { webhooks }: DeleteRowsDependencies,
  manager: EntityManager,
  stored: readonly StoredAttachment[],
  now: Date,
): Promise<string[]> {
  const ids = stored.map(({ attachment }) => attachment.id);
  const versions = await readVersionRows(manager, ids);
  const blobIds = [...stored.map(({ blob }) => blob.id), ...versions.map(({ blobId }) => blobId)];
  await lockBlobs(manager, blobIds);
  await unlinkEverywhere(manager, ids);
  await webhooks.forget(manager, ids);
  await changeRows(
    manager,
    (sql) =>
      `UPDATE share_links SET ended_at = ${sql.add(now.getTime())} WHERE ${sql.isOneOf('attachment_id', ids)}`,
  );
  let deleted = 0;
  for (const table of new Set(stored.map(({ attachment }) => tableOf(attachment))))
    deleted += await changeRows(
      manager,
      (sql) => `DELETE FROM ${tableName(table)} WHERE ${sql.isOneOf('id', ids)}`,
    );
  if (deleted !== ids.length) throw new Error('Somebody else has deleted one of these attachments.');
  await deleteVersions(manager, versions);
  return deleteUnusedBlobs(manager, blobIds, now);
}

/**
 * Records, in the transaction that deletes them, what attachments were, and until when they can be restored. Without an actor
 * they have expired.
 */
export async function recordDeletions(
  manager: EntityManager,
  actor: Actor | null,
  stored: readonly StoredAttachment[],
  at: Date,
  restorableUntil: Date | null = null,
): Promise<void> {
  const action = actor ? 'ATTACHMENT_DELETED' : 'ATTACHMENT_PURGED';
  const until = restorableUntil ? { restorableUntil } : {};
  const events = stored.map(({ attachment }) => {
    const { id: subjectId, organizationId, fileName, recordType, recordId } = attachment;
    const record = recordId === null ? {} : { record: { type: recordType, id: recordId } };
    const event = { action, subjectId, at, details: { fileName, ...record, ...until } } as const;
    return [actor ?? { organizationId, principal: null }, event] as const;
  });
  await recordEvents(manager, events);
}

export interface RemoveBytesDependencies {
  database: Database;
  storage: Pick<Storage, 'remove'>;
}

const batchSize = 200;
/** Names in one folder become durable together. */
const removedAtOnce = 16;

/**
 * Removes the bytes of deleted blobs, whose removal has been committed as due. May be repeated. What cannot be removed, or is being
 * read, stays due; all are tried before its fault is thrown.
 */
export async function removeBytes(
  { database, storage }: RemoveBytesDependencies,
  documentKeys: readonly string[],
  write: Write = database.write,
): Promise<void> {
  const removed: string[] = [];
  const faults: unknown[] = [];
  for (let from = 0; from < documentKeys.length; from += removedAtOnce) {
    const keys = await withoutReader(database.read, documentKeys.slice(from, from + removedAtOnce));
    const removals = keys.map((key) =>
      storage.remove(key).then(
        () => removed.push(key),
        (error: unknown) => faults.push(error),
      ),
    );
    await Promise.all(removals);
  }
  if (removed.length > 0) await write((manager) => manager.delete(RemovalRow, { documentKey: In(removed) }));
  if (faults.length > 0) throw faults[0];
}

async function withoutReader(read: EntityManager, keys: readonly string[]): Promise<string[]> {
  const held = await read.find(IntakeRow, { where: { documentKey: In([...keys]) } });
  return keys.filter((key) => !held.some(({ documentKey }) => documentKey === key));
}

/**
 * Removes what a deletion, a crash or a failing storage has left due. Returns how many. What cannot be removed stays due and
 * holds no others up: all are tried before its fault is thrown.
 */
export async function removeDueBytes(deps: RemoveBytesDependencies): Promise<number> {
  const faults: unknown[] = [];
  for (let removed = 0, after = ''; ; ) {
    const due = await deps.database.read.find(RemovalRow, {
      where: { documentKey: MoreThan(after) },
      order: { documentKey: 'ASC' },
      take: batchSize,
    });
    const keys = due.map(({ documentKey }) => documentKey);
    await removeBytes(deps, keys, deps.database.writeInBackground).catch((error: unknown) =>
      faults.push(error),
    );
    after = keys.at(-1) ?? after;
    removed += keys.length;
    if (keys.length === batchSize) continue;
    if (faults.length > 0) throw faults[0];
    return removed;
  }
}
