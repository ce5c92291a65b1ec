import { In } from 'typeorm';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { RemovalRow } from '../database/entities/removal.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { hourPartition } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';

export interface FindOrphansDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'size'>;
}

export const hourMs = 3_600_000;
/** What is younger may be on its way to its row. */
export const orphanAgeMs = 24 * hourMs;
const batchSize = 500;

/** The beginning of the first hour that has not wholly come of age. */
export function comeOfAge(now: Date): Date {
  return startOfHour(new Date(now.getTime() - orphanAgeMs));
}

export function startOfHour(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / hourMs) * hourMs);
}

/** The beginnings of the hours from `from`, itself one, up to `until`. */
export function* hoursBetween(from: Date, until: Date): Generator<Date> {
  for (let hour = from.getTime(); hour < until.getTime(); hour += hourMs) yield new Date(hour);
}

/**
 * Keys of objects made in an hour that no row names, in batches. What comes to its row, or is removed with it, in the
 * meantime is none of them: the storage is listed before the rows are read, and asked again after it.
 */
export async function* findOrphans(
  { database, storage }: FindOrphansDependencies,
  hour: Date,
): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const key of storage.list(hourPartition(hour))) {
    batch.push(key);
    if (batch.length < batchSize) continue;
    yield await stillStored(storage, await withoutRow(database, batch));
    batch = [];
  }
  yield await stillStored(storage, await withoutRow(database, batch));
}

/** Removals are read last: what a deletion has taken from the rows before is there, until it is gone from the storage too. */
async function withoutRow({ read }: Database, keys: string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const named = { where: { documentKey: In(keys) }, select: { documentKey: true } } as const;
  const known = new Set<string>();
  for (const entity of [UploadTargetRow, BlobRow, RemovalRow]) {
    for (const { documentKey } of await read.find(entity, named)) known.add(documentKey);
  }
  return keys.filter((key) => !known.has(key));
}

async function stillStored(storage: Pick<Storage, 'size'>, keys: string[]): Promise<string[]> {
  const stored: string[] = [];
  for (const key of keys) if ((await storage.size(key)) !== null) stored.push(key);
  return stored;
}
