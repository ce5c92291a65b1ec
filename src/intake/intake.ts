import type { EntityManager } from 'typeorm';
import type { DetectedContent } from '../content-types/content-formats.js';
import type { Database } from '../database/database.js';
import { OutcomeUnknown } from '../database/database-faults.js';
import { BlobRow } from '../database/entities/blob.js';
import { IntakeRow, RemovalRow, SweptKeyRow } from '../database/entities/stored-bytes.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { insertRow } from '../database/insert-row.js';
import { purgeRows } from '../database/purge-rows.js';
import { lockTable } from '../database/row-locks.js';
import { In } from '../database/typeorm.js';
import type { Write } from '../database/write-queue.js';
import { type AttachmentError, fault, type Loc } from '../errors.js';
import type { Reservation } from '../quotas/reservations.js';
import type { Storage } from '../storage/storage.js';
import type { IntakeLeases } from './intake-leases.js';

/** Content that was taken in: its bytes are stored and durable, or in `body`, and no attachment uses them yet. */
export interface Intake {
  /** A UUID version 7: the last part of the document key. */
  blobId: string;
  documentKey: string;
  /** In bytes. */
  size: number;
  /** Lowercase hexadecimal, like `sha256`. */
  md5: string;
  sha256: string;
  /** The format of its bytes. */
  content: DetectedContent;
  /** All bytes of small content, which become durable with their row; nothing of them is in the storage. */
  body?: Uint8Array;
  /** As sent, not cleaned; null where the content came without one. */
  fileName: string | null;
  /** The media type that the sender gave: with a file part no more than a hint, with all else a claim. */
  declaredType: string | null;
  /** The member of the input that was a data URL, whose type belongs to the content and cannot be overruled. */
  fromDataUrl?: 'base64' | 'dataUrl' | null;
  /** True where the bytes came by way of an upload target, so that others may be using them too. */
  fromUploadTarget?: boolean;
  /** Then: the principal who has brought them. */
  broughtById?: string;
  /** When its first byte came: by the service's clock, and in milliseconds by one that nobody can set. */
  begun?: { at: Date; tick: number };
  /** Room for it, in an organization that has bounds. */
  reservation?: Reservation;
  /** Set once an attachment has been made of it: from then on the bytes belong to that. */
  used: boolean;
}

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

/** As `condemnKeys`, for content whose process has died, unless that has renewed it meanwhile. Writes in the background. */
export async function condemnDeadIntake(
  database: Database,
  { documentKey, leaseId, beat }: IntakeRow,
  now: Date,
): Promise<string[]> {
  return database.writeInBackground(async (manager) => {
    const { affected } = await manager.delete(IntakeRow, { documentKey, leaseId, beat });
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
  const parameter = manager.connection.driver.createParameter('documentKey', 0);
  const sql = `SELECT 1 FROM swept_keys WHERE document_key = ${parameter}`;
  const swept: unknown[] = await manager.query(sql, [documentKey]);
  if (swept.length > 0) throw contentLost(['input', 'content']);
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
  if (!isYoung && (await storage.size(documentKey)) !== size) throw contentLost(['input', 'content']);
}

/** The fault of bytes that are gone, for whatever reason: the sweep, a disk, a restored backup. */
export function contentLost(loc: Loc): AttachmentError {
  const message = 'The content was lost on its way. Send it again.';
  return fault('content_lost', loc, message, { message });
}

/**
 * Waits for the commit of rows that name the bytes of an intake. While its outcome is not known the rows may be there, or will be: the
 * bytes stay. If they are not, the sweep takes the bytes a day later.
 */
export async function keepIfUnknown<T>(intake: Intake, writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    if (error instanceof OutcomeUnknown) intake.used = true;
    throw error;
  }
}

/** Forgets keys that were swept long ago. */
export async function forgetSweptKeys(database: Database, now: Date): Promise<void> {
  const end = new Date(now.getTime() - memoryMs);
  await purgeRows(database, SweptKeyRow, 'sweptAt', end.getTime());
}

export interface DiscardIntakeDependencies {
  database: Database;
  storage: Storage;
  clock: () => Date;
  leases: Pick<IntakeLeases, 'release'>;
}

/**
 * Ends an intake, once its request has ended: removes bytes that no attachment came to use. Where in doubt it asks the rows:
 * they alone know. Room that is still reserved is given back. Bytes that cannot be removed now stay due.
 */
export async function discardIntake(
  deps: DiscardIntakeDependencies,
  { blobId, documentKey, body, used, reservation }: Intake,
): Promise<void> {
  await reservation?.release();
  if (body) return;
  const { database, storage, leases, clock } = deps;
  try {
    if (used || (await database.read.existsBy(BlobRow, { id: blobId }))) return;
    await storage.remove(documentKey);
  } catch (error) {
    // The sweep may have been over their hour already.
    await leases.release(documentKey);
    await condemnKeys(database.write, [documentKey], clock()).catch(() => undefined);
    throw error;
  } finally {
    await leases.release(documentKey);
  }
}
