import { In } from 'typeorm';
import type { Database } from '../database/database.js';
import { BlobRow } from '../database/entities/blob.js';
import { SweepRow } from '../database/entities/sweep.js';
import { UploadTargetRow } from '../database/entities/upload-target.js';
import { hourPartition } from '../storage/document-key.js';
import type { Storage } from '../storage/storage.js';

export interface SweepStorageDependencies {
  database: Database;
  storage: Pick<Storage, 'list' | 'remove' | 'removeUnfinished'>;
  clock: () => Date;
}

export interface SweepOptions {
  /** Looks through at least so much of the past, in milliseconds, whether or not that was done before. */
  lookBackMs: number;
}

const hourMs = 3_600_000;
/** What is younger may be on its way to its row. */
const ageMs = 24 * hourMs;
/** A service that has never swept, or not for long, begins so far back. */
const longestGapMs = 31 * 24 * hourMs;
const sweepName = 'storage';
const batchSize = 500;

/**
 * Removes objects that no row names, and what writers have left unfinished, from the hour partitions that have come of age
 * since the last sweep. The cost is that of those partitions, not of the whole storage. Returns the keys removed.
 */
export async function sweepStorage(deps: SweepStorageDependencies, options: SweepOptions): Promise<string[]> {
  const { storage, database, clock } = deps;
  const until = comeOfAge(clock());
  const removed: string[] = [];
  for (const partition of partitions(await firstHour(deps, options), until)) {
    for await (const keys of findOrphans(deps, partition)) {
      for (const key of keys) await storage.remove(key);
      removed.push(...keys);
    }
    await storage.removeUnfinished(partition, ageMs);
  }
  await database.write((manager) =>
    manager.upsert(SweepRow, { name: sweepName, sweptUntil: until }, ['name']),
  );
  return removed;
}

/** What `sweepStorage` would remove now. */
export async function* listOrphans(
  deps: SweepStorageDependencies,
  options: SweepOptions,
): AsyncGenerator<string> {
  for (const partition of partitions(await firstHour(deps, options), comeOfAge(deps.clock()))) {
    for await (const keys of findOrphans(deps, partition)) yield* keys;
  }
}

/** The beginning of the first hour that has not wholly come of age. */
function comeOfAge(now: Date): Date {
  return new Date(Math.floor((now.getTime() - ageMs) / hourMs) * hourMs);
}

async function firstHour(
  { database, clock }: SweepStorageDependencies,
  { lookBackMs }: SweepOptions,
): Promise<Date> {
  const until = comeOfAge(clock()).getTime();
  const last = await database.read.findOneBy(SweepRow, { name: sweepName });
  const since = last?.sweptUntil.getTime() ?? until - longestGapMs;
  return new Date(Math.min(Math.max(since, until - longestGapMs), until - lookBackMs));
}

function* partitions(from: Date, until: Date): Generator<string> {
  for (let hour = from.getTime(); hour < until.getTime(); hour += hourMs) yield hourPartition(new Date(hour));
}

/** The storage is listed before the rows are read: a row that comes in between is seen, and so its object stays. */
async function* findOrphans(
  { database, storage }: SweepStorageDependencies,
  partition: string,
): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const key of storage.list(partition)) {
    batch.push(key);
    if (batch.length < batchSize) continue;
    yield await withoutRow(database, batch);
    batch = [];
  }
  yield await withoutRow(database, batch);
}

async function withoutRow({ read }: Database, keys: string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const named = { where: { documentKey: In(keys) }, select: { documentKey: true } } as const;
  const rows = [...(await read.find(UploadTargetRow, named)), ...(await read.find(BlobRow, named))];
  const known = new Set(rows.map(({ documentKey }) => documentKey));
  return keys.filter((key) => !known.has(key));
}
