import type { Database } from '../database/database.js';
import { withoutRow } from '../intake/condemn-keys.js';
import { dayPartition, hourPartition } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';

export interface FindOrphansDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'size'>;
}

export const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Only to keep away from what is new: what is on its way, whatever its age, has a lease (see intake-leases.ts). */
const orphanAgeMs = dayMs;
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

/** The fewest partitions from the beginning of an hour up to that of another: days, and hours beside them. */
export function* partitionsBetween(from: Date, until: Date): Generator<string> {
  for (let at = from.getTime(); at < until.getTime(); ) {
    const isDay = at % dayMs === 0 && at + dayMs <= until.getTime();
    yield isDay ? dayPartition(new Date(at)) : hourPartition(new Date(at));
    at += isDay ? dayMs : hourMs;
  }
}

/**
 * Keys of objects of a partition that no row names, in batches. What comes to its row, or is removed with it, in the
 * meantime is none of them: the storage is listed before the rows are read, and asked again after it.
 */
export async function* findOrphans(
  { database, storage }: FindOrphansDependencies,
  partition: string,
): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const key of storage.list(partition)) {
    batch.push(key);
    if (batch.length < batchSize) continue;
    yield await stillStored(storage, await withoutRow(database.read, batch));
    batch = [];
  }
  yield await stillStored(storage, await withoutRow(database.read, batch));
}

async function stillStored(storage: Pick<Storage, 'size'>, keys: string[]): Promise<string[]> {
  const stored: string[] = [];
  for (const key of keys) if ((await storage.size(key)) !== null) stored.push(key);
  return stored;
}
