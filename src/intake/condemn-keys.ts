import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { IntakeRow, RemovalRow, SweptKeyRow } from '../database/entities/cleaning.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { purgeRows } from '../database/purge-rows.js';
import { lockTable } from '../database/row-locks.js';
import { In } from '../database/typeorm.js';
import type { Write } from '../database/write-queue.js';
import { type AttachmentError, fault } from '../errors.js';
import type { Storage } from '../storage/storage.js';
import type { Intake } from './intake.js';

/*
 * How the sweep and a creation agree about bytes that have no row. Each writes before it looks at what the other writes, and
 * the sweep keeps creations out meanwhile: the sweep a swept key, and then it looks for a blob; a creation its blob, and then
 * it looks for a swept key. So one of both sees the other, whatever their clocks say, and bytes go only after that.
 */

/** How long a swept key is remembered. A creation that was suspended for longer has lost its connection. */
const memoryMs = 31 * 24 * 60 * 60 * 1_000;

/** Those of the keys that no row names, neither of bytes that are stored nor of bytes on their way or on their way out. */
export async function withoutRow(manager: EntityManager, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const named = { where: { documentKey: In([...keys]) }, select: { documentKey: true } } as const;
  const known = new Set<string>();
  // Removals last: what a deletion has taken from the rows before is there, until it is gone from the storage too.
  for (const entity of [IntakeRow, UploadTargetRow, BlobRow, RemovalRow]) {
    for (const { documentKey } of await manager.find(entity, named)) known.add(documentKey);
  }
  return keys.filter((key) => !known.has(key));
}

/**
 * Notes that the bytes of those keys that still have no row are to be removed, and by no means to be used. Returns these.
 * `write` is the database's own for a request: it must not wait for the cleaning.
 */
export async function condemnKeys(write: Write, keys: readonly string[], now: Date): Promise<string[]> {
  if (keys.length === 0) return [];
  return write((manager) => condemn(manager, keys, now));
}

/** The same for content whose process has died, unless it is renewed meanwhile. */
export async function condemnDeadIntake(
  database: Database,
  { documentKey, beat }: IntakeRow,
  now: Date,
): Promise<string[]> {
  return database.writeInBackground(async (manager) => {
    const { affected } = await manager.delete(IntakeRow, { documentKey, beat });
    return affected === 1 ? condemn(manager, [documentKey], now) : [];
  });
}

async function condemn(manager: EntityManager, keys: readonly string[], now: Date): Promise<string[]> {
  // Creations under way come to their end first, and others wait.
  await lockTable(manager, BlobRow);
  const condemned = await withoutRow(manager, keys);
  for (const documentKey of condemned) {
    await insertRow(manager, SweptKeyRow, { documentKey, sweptAt: now }, { orIgnore: true });
    await insertRow(manager, RemovalRow, { documentKey, createdAt: now }, { orIgnore: true });
  }
  return condemned;
}

/**
 * To be called in the transaction that has written the blob of these bytes, after that. Throws STORAGE_UNAVAILABLE, of type
 * `content_lost`, if the sweep has taken them: the transaction must then be undone, and the client may send them again.
 */
export async function assertNotSwept(manager: EntityManager, documentKey: string): Promise<void> {
  const place = manager.connection.driver.createParameter('documentKey', 0);
  const sql = `SELECT 1 FROM swept_keys WHERE document_key = ${place}`;
  const swept: unknown[] = await manager.query(sql, [documentKey]);
  if (swept.length > 0) throw contentLost();
}

/** An ordinary request has ended before; and clocks that disagree have been set. */
const youthMs = 60_000;

/**
 * To be called before the row of an intake is written: looks once more whether its bytes are there, if they came some time
 * ago. What is swept after this look, `assertNotSwept` tells. Throws the same.
 */
export async function assertStillStored(
  storage: Pick<Storage, 'size'>,
  { documentKey, size, begun, used }: Intake,
  now: Date,
): Promise<void> {
  if (!begun || used) return;
  const elapsed = performance.now() - begun.tick;
  const isYoung = elapsed < youthMs && Math.abs(now.getTime() - begun.at.getTime() - elapsed) < youthMs;
  if (!isYoung && (await storage.size(documentKey)) !== size) throw contentLost();
}

function contentLost(): AttachmentError {
  const message = 'The content was lost on its way. Send it again.';
  return fault('content_lost', ['input', 'content'], message, { message });
}

/** Forgets keys that were swept long ago. */
export async function forgetSweptKeys(database: Database, now: Date): Promise<void> {
  const end = new Date(now.getTime() - memoryMs);
  await purgeRows(database, SweptKeyRow, 'sweptAt', end.getTime());
}
